<?php
/* Whoever logs in sees the inbox, not a portal. */
$_prefs['initial_application']['value'] = 'imp';
