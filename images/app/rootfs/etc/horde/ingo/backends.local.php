<?php
/* ManageSieve at the mail server, STARTTLS with its certificate verified (PHP's default). */
$node = parse_ini_file('/etc/horde/node.ini');
$backends['imap']['disabled'] = true;
$backends['sieve']['disabled'] = false;
$backends['sieve']['transport'][Ingo::RULE_ALL]['params']['hostspec'] = $node['mail_host'];
$backends['sieve']['script'][Ingo::RULE_ALL]['params']['utf8'] = true;
