<?php
/* IMP, the mail. Attachments being composed lie where the session does: in the node's /tmp, or in the database. */
$sessions = parse_ini_file('/etc/horde/node.ini')['sessions'] ?? 'files';
$conf['user'] = ['allow_view_source' => true];
$conf['server'] = ['server_list' => 'none'];
$conf['compose'] = ['use_vfs' => $sessions === 'database', 'link_attachments' => false, 'attach_size_limit' => 0,
    'attach_count_limit' => 0, 'reply_limit' => 200000, 'ac_threshold' => 3, 'htmlsig_img_size' => 30000];
$conf['pgp'] = ['keylength' => 0];
$conf['maillog'] = ['driver' => 'history'];
$conf['sentmail'] = ['driver' => 'Null'];
$conf['contactsimage'] = ['backends' => ['IMP_Contacts_Avatar_Addressbook']];
$conf['tasklist'] = ['use_tasklist' => false];
$conf['notepad'] = ['use_notepad' => false];
unset($sessions);
