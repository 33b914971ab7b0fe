<?php
/* Horde itself. What differs from node to node or from cluster to cluster stands in node.ini, written at boot. */
$node = parse_ini_file('/etc/horde/node.ini');

// Absolute URLs: always https, with the name and the port that the client used.
$conf['use_ssl'] = 1;
$conf['server']['name'] = $_SERVER['SERVER_NAME'] ?? 'localhost';
$conf['server']['port'] = $_SERVER['SERVER_PORT'] ?? 443;
$conf['cookie']['domain'] = '';
$conf['cookie']['path'] = '/';
$conf['secret_key'] = $node['secret_key'];
$conf['urls'] = ['token_lifetime' => 30, 'hmac_lifetime' => 30, 'pretty' => false];

$conf['vhosts'] = false;
$conf['debug_level'] = E_ALL & ~E_NOTICE & ~E_DEPRECATED & ~E_STRICT;
$conf['max_exec_time'] = 0;
$conf['compress_pages'] = true;
$conf['umask'] = 077;
$conf['testdisable'] = true;
$conf['tmpdir'] = '/tmp';

// Sessions: PHP's own files on this node, where the balancer then keeps each user; or rows of the database, and any
// node will do.
$conf['session'] = ['name' => 'Horde', 'use_only_cookies' => true, 'timeout' => 0, 'cache_limiter' => 'nocache',
    'max_time' => 72000];
$conf['sessionhandler'] = ['type' => 'Builtin', 'hashtable' => false];
if (($node['sessions'] ?? 'files') === 'database') {
    $conf['sessionhandler'] = ['type' => 'Sql', 'params' => ['driverconfig' => 'horde'], 'hashtable' => false];
}
// For measuring: sessions as large as those of 2006 were. Random, because the database would compress anything else.
if ($padding = (int) ($node['session_padding'] ?? 0)) {
    register_shutdown_function(function () use ($padding) {
        if (session_status() === PHP_SESSION_ACTIVE && !isset($_SESSION['padding'])) {
            $_SESSION['padding']['text'] = base64_encode(random_bytes(768 * $padding));
        }
    });
}

// Whom the mail server lets in may enter. No administrators: they would get a PHP and an SQL shell.
$conf['auth'] = ['driver' => 'application', 'params' => ['app' => 'imp'], 'admins' => [], 'checkip' => true,
    'checkbrowser' => true, 'resetpassword' => false, 'alternate_login' => false, 'redirect_on_logout' => false,
    'list_users' => 'input'];
$conf['signup'] = ['allow' => false];
$conf['user'] = ['verify_from_addr' => false, 'select_view' => true];

// The database at its virtual address. How long a connection is tried for: Testbed/Connection.php. A server that died
// in the middle of a query is given up after 30 s instead of after hours; where a limit is set, after 5 s, and a
// statement that takes longer than the limit is stopped.
$conf['sql'] = ['phptype' => 'pgsql', 'protocol' => 'tcp', 'hostspec' => $node['database_host'],
    'port' => (int) ($node['database_port'] ?? 5432),
    'database' => 'horde', 'username' => 'horde', 'password' => $node['database_password'], 'charset' => 'utf-8',
    'persistent' => false, 'ssl' => false, 'splitread' => false, 'logqueries' => false,
    'keepalives_idle' => 10, 'keepalives_interval' => 5, 'keepalives_count' => 4, 'tcp_user_timeout' => 30000];
if (($node['database_seconds'] ?? 0) > 0) {
    $conf['sql'] = ['keepalives_idle' => 2, 'keepalives_interval' => 1, 'keepalives_count' => 3,
        'tcp_user_timeout' => 5000, 'options' => "'-c statement_timeout={$node['database_seconds']}s'"] + $conf['sql'];
}
foreach (['prefs', 'alarms', 'group', 'perms', 'lock', 'token', 'history', 'davstorage'] as $store) {
    $conf[$store] = ['driver' => 'Sql', 'params' => ['driverconfig' => 'horde']];
}
$conf['prefs']['maxsize'] = 65535;
$conf['vfs'] = ['type' => 'Sql', 'params' => ['driverconfig' => 'horde']];
$conf['share'] = ['driver' => 'Sqlng', 'no_sharing' => false, 'auto_create' => true, 'world' => true,
    'any_group' => false, 'hidden' => false, 'cache' => false];

// A cache of this node alone, and no stylesheets or scripts generated into files: after a failover another node
// would be asked for files it never made.
$conf['cache'] = ['driver' => 'File', 'default_lifetime' => 86400, 'params' => ['dir' => '/tmp', 'sub' => 0]];
$conf['cachecss'] = false;
$conf['cachejs'] = false;
$conf['cachethemes'] = false;
$conf['hashtable'] = ['driver' => 'none'];

// Mail goes out as the user, over STARTTLS.
$conf['mailer'] = ['type' => 'smtp', 'params' => ['host' => $node['mail_host'], 'port' => 587, 'secure' => 'tls',
    'auth' => true, 'username_auth' => true, 'password_auth' => true]];

// To Apache's error log, which is the container's: logins and their failures, and why anything failed.
$conf['log'] = ['enabled' => true, 'type' => 'file', 'name' => 'php://stderr', 'params' => ['append' => true,
    'format' => 'custom', 'template' => 'horde %levelName%: %message%' . PHP_EOL], 'priority' => 'INFO',
    'ident' => 'HORDE'];
$conf['log_accesskeys'] = false;

$conf['menu'] = ['links' => ['help' => 'authenticated', 'prefs' => 'authenticated', 'problem' => 'never',
    'login' => 'all', 'logout' => 'authenticated']];
$conf['portal'] = ['fixed_blocks' => []];
$conf['accounts'] = ['driver' => 'null'];
$conf['activesync'] = ['enabled' => false];
$conf['imsp'] = ['enabled' => false];
$conf['kolab'] = ['enabled' => false];
$conf['spell'] = ['driver' => ''];
$conf['image'] = ['driver' => 'Gd'];
$conf['exif'] = ['driver' => 'Bundled'];
$conf['problems'] = ['tickets' => false, 'email' => 'postmaster@' . $node['mail_domain'],
    'maildomain' => $node['mail_domain'], 'attachments' => false];
unset($node, $store, $padding);
