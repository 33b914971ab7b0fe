<?php
/* IMP, the mail. Attachments being composed lie in the node's /tmp, as its sessions do. */
$conf['user'] = ['allow_view_source' => true];
$conf['server'] = ['server_list' => 'none'];
$conf['compose'] = ['use_vfs' => false, 'link_attachments' => false, 'attach_size_limit' => 0,
    'attach_count_limit' => 0, 'reply_limit' => 200000, 'ac_threshold' => 3, 'htmlsig_img_size' => 30000];
$conf['pgp'] = ['keylength' => 0];
$conf['maillog'] = ['driver' => 'history'];
$conf['sentmail'] = ['driver' => 'Null'];
$conf['contactsimage'] = ['backends' => ['IMP_Contacts_Avatar_Addressbook']];
$conf['tasklist'] = ['use_tasklist' => false];
$conf['notepad'] = ['use_notepad' => false];
