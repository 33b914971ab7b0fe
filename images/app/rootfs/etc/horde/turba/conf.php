<?php
/* Turba, the address book. */
$conf['menu'] = ['import_export' => true];
$conf['client'] = ['addressbook' => ''];
$conf['gal'] = ['addressbook' => ''];
$conf['shares'] = ['source' => 'localsql'];
$conf['comments'] = ['allow' => false];
$conf['tags'] = ['enabled' => false];
