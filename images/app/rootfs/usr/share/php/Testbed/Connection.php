<?php
/**
 * Opens connections to the database. Without `database_seconds` in node.ini as Horde does: one attempt, which the
 * driver gives 30 s without an answer, and none when the connection is refused or the network has no such address.
 *
 * With it: attempts until the request is that many seconds old. In a failover the address is gone, then refuses, then serves; a
 * request that comes meanwhile is late rather than lost, and yet no process waits longer for an address that is dead.
 */
class Testbed_Connection
{
    /** Seconds that one attempt may take: a server that accepts and then stays silent counts as dead. */
    const ATTEMPT = 3;
    /** Microseconds between two attempts. */
    const PAUSE = 200000;

    public static function open($dsn, $user, $password)
    {
        $seconds = (float) (parse_ini_file('/etc/horde/node.ini')['database_seconds'] ?? 0);
        if ($seconds <= 0) {
            return new PDO($dsn, $user, $password);
        }
        // Horde opens several connections for a page: what one has waited the next does not wait again.
        for ($end = $_SERVER['REQUEST_TIME_FLOAT'] + $seconds;; usleep(self::PAUSE)) {
            try {
                return new PDO($dsn, $user, $password, [PDO::ATTR_TIMEOUT => self::ATTEMPT]);
            } catch (PDOException $failure) {
                if (microtime(true) + self::PAUSE / 1e6 >= $end) {
                    throw $failure;
                }
            }
        }
    }
}
