<?php
// The wiki of the testbed: whoever reaches the site reads and writes.
$conf['title'] = 'Wiki';
$conf['license'] = '';
$conf['useacl'] = 0;
$conf['savedir'] = getenv('STATE_FOLDER');
