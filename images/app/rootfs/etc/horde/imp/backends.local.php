<?php
/* The campus mail server: IMAP over TLS, and where its folders are. */
$node = parse_ini_file('/etc/horde/node.ini');
$servers = ['campus' => [
    'name' => 'Campus mail', 'protocol' => 'imap', 'hostspec' => $node['mail_host'], 'port' => 993, 'secure' => 'ssl',
    'hordeauth' => false, 'maildomain' => $node['mail_domain'], 'acl' => false, 'cache' => false,
    'special_mboxes' => [IMP_Mailbox::MBOX_DRAFTS => 'Drafts', IMP_Mailbox::MBOX_SENT => 'Sent',
        IMP_Mailbox::MBOX_TRASH => 'Trash'],
]];
