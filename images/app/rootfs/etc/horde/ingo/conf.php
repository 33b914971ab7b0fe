<?php
/* Ingo, filters and vacation messages: the rules in the database, the script on the mail server. */
$conf['storage'] = ['driver' => 'sql', 'params' => ['driverconfig' => 'horde']];
$conf['rules'] = ['userheader' => true];
$conf['spam'] = ['header' => 'X-Spam-Level', 'char' => '*', 'compare' => 'string'];
