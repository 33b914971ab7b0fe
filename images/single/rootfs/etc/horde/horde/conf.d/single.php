<?php
/* The database is on this machine, behind a socket: nothing else about this Horde differs from the cluster's. */
$conf['sql'] = ['phptype' => 'mysqli', 'protocol' => 'unix', 'socket' => '/run/mysqld/mysqld.sock',
    'database' => 'horde', 'username' => 'horde', 'password' => $conf['sql']['password'], 'charset' => 'utf-8',
    'ssl' => false, 'splitread' => false, 'logqueries' => false];
