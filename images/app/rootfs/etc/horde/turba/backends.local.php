<?php
/* One address book a user, in the database. Whether it can be shared by default differs by release: not here. */
$cfgSources = ['localsql' => ['title' => _("My Address Book"), 'use_shares' => false, 'disabled' => false]
    + $cfgSources['localsql']];
