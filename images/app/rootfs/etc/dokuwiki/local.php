<?php
// The wiki of the testbed: whoever reaches the site reads and writes.
$conf['title'] = 'Wiki';
$conf['license'] = '';
$conf['useacl'] = 0;
$conf['savedir'] = getenv('STATE_FOLDER');
// What each node can make again stays with it: on the shared files every write is a synchronous one.
$conf['cachedir'] = '/var/lib/dokuwiki/data/cache';
$conf['tmpdir'] = '/var/lib/dokuwiki/data/tmp';
