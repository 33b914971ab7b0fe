#!/bin/sh
# bench ACTION [ARGUMENT...]: what a database guest does for `testbed bench paper`.
#
# It works on disks that were added for the measurement alone. The cluster's own disk and its DRBD resource (minor 0) are
# left alone. Both nodes get equal metadata before each use, so that DRBD takes the two copies for equal and
# synchronises nothing. The standby's copy is never read.
set -eu
# shellcheck disable=SC1091
. /usr/lib/testbed/common
umask 022
export PATH=/usr/sbin:/usr/bin:/sbin:/bin
work=/run/bench
volume=$work/volume
cluster=$volume/data
tools=$work/tools
configuration=$work/drbd.conf
replica=/dev/drbd1
# Any identifier, the same on both nodes. Its last bit says "was primary": it is zero.
generation=BE7C20061130AB00

# disk_of NAME: print the device that QEMU has given this serial number.
disk_of() {
    for each in /sys/block/vd*; do
        serial=
        read -r serial <"$each/serial" || true
        if [ "$serial" = "$1" ]; then
            echo "/dev/${each##*/}"
            return
        fi
    done
    echo "no disk has the serial number $1" >&2
    return 1
}

# configure FILESYSTEM PROTOCOL: the settings are those of the cluster's resource (drbd-configuration).
configure() {
    cat >"$configuration" <<END
global { usage-count no; }
resource bench {
    protocol $2;
    disk { on-io-error detach; resync-rate 100M; c-plan-ahead 0; al-extents 127; }
    net { verify-alg crc32c; timeout 8; connect-int 1; ping-int 1; ping-timeout 5; ko-count 2; }
    device $replica minor 1;
    disk $(disk_of "bench-$1");
    meta-disk internal;
    on $NODE { address $REPLICATION_ADDRESS:7789; }
    on $PEER { address $PEER_REPLICATION_ADDRESS:7789; }
}
END
}

replicated() {
    grep -q '^ 1: cs:Connected ro:[A-Za-z]*/Secondary ds:UpToDate/UpToDate' /proc/drbd
}

# attach FILESYSTEM PROTOCOL: fresh, equal metadata, and the resource up.
attach() {
    detach
    mkdir -p "$volume" "$tools"
    configure "$1" "$2"
    drbdadm -c "$configuration" create-md --force bench >&2
    drbdmeta --force 1 v08 "$(disk_of "bench-$1")" internal set-gi "$generation:0:0:0:1:1:0:0:0:0:0" >&2
    drbdadm -c "$configuration" up bench >&2
}

await_peer() {
    uptime_seconds
    deadline=$((uptime + 30))
    until replicated; do
        uptime_seconds
        [ "$uptime" -lt "$deadline" ] || { echo "DRBD does not connect: $(grep '^ 1:' /proc/drbd)" >&2; return 1; }
        sleep 0.1
    done
}

detach() {
    release
    if [ -e "$configuration" ]; then
        drbdadm -c "$configuration" down bench >&2 || true
        rm -f "$configuration"
    fi
}

# hold FILESYSTEM DEVICE: mount it.
hold() {
    mkdir -p "$volume"
    modprobe -q "$1" || true
    mount -t "$1" -o noatime "$2" "$volume"
}

release() {
    [ -e "$cluster/postmaster.pid" ] && stop_postgres
    if grep -q " $volume " /proc/mounts; then umount "$volume"; fi
}

start_postgres() {
    install -d -o postgres -g postgres "$work/socket"
    : >"$work/postgres.log"
    chown postgres "$work/postgres.log"
    as_postgres "$postgres/pg_ctl" --pgdata="$cluster" --wait --timeout=60 --silent --log="$work/postgres.log" \
        --options="-c listen_addresses='' -c unix_socket_directories=$work/socket -c autovacuum=off" start >&2
}

stop_postgres() {
    as_postgres "$postgres/pg_ctl" --pgdata="$cluster" --wait --silent --mode=fast stop >&2
}

query() {
    as_postgres psql -qAtX -v ON_ERROR_STOP=1 -h "$work/socket" -c "$1" postgres
}

# make FILESYSTEM: fill a disk through DRBD, whose metadata then fits behind the filesystem.
make() {
    await_peer
    "$drbdsetup" primary 1
    case $1 in
        ext*) "mkfs.$1" -q -F -m 0 -N 32768 -J size=32 "$replica" >&2 ;;
        *) "mkfs.$1" -q -f "$replica" >&2 ;;
    esac
    hold "$1" "$replica"
    # initdb takes minutes on an emulated processor; every guest has an empty cluster, which it may be rehearsing with.
    while pgrep -f '/usr/lib/testbed/[r]ehearse' >/dev/null; do sleep 0.5; done
    cp -a /var/lib/testbed/rehearsal "$cluster"
    rm -f "$cluster/postmaster.pid"
    start_postgres
    as_postgres "$postgres/pgbench" -h "$work/socket" -i -I dtGvp -q postgres >&2
    stop_postgres
    head -c 33554432 /dev/urandom >"$volume/fio"
    sync -f "$volume"
    release
}

# begin FILESYSTEM raw|connected|disconnected
begin() {
    case $2 in
        raw) hold "$1" "$(disk_of "bench-$1")" ;;
        *)
            await_peer
            "$drbdsetup" primary 1
            [ "$2" = connected ] || drbdadm -c "$configuration" disconnect bench >&2
            hold "$1" "$replica"
            ;;
    esac
    start_postgres
    cat >"$work/select.sql" <<'END'
\set aid random(1, 100000)
SELECT abalance FROM pgbench_accounts WHERE aid = :aid;
END
    cat >"$work/update.sql" <<'END'
\set aid random(1, 100000)
UPDATE pgbench_accounts SET abalance = abalance + 1 WHERE aid = :aid;
END
    # What is deleted comes back in the same transaction, so the table keeps its size.
    cat >"$work/delete.sql" <<'END'
\set aid random(1, 100000)
BEGIN;
DELETE FROM pgbench_accounts WHERE aid = :aid;
INSERT INTO pgbench_accounts VALUES (:aid, 1, 0, '') ON CONFLICT DO NOTHING;
COMMIT;
END
    query 'select sum(abalance) from pgbench_accounts' >/dev/null # reads the whole table into memory
}

# transactions CLIENTS SECONDS SCRIPT...: print the transactions a second.
transactions() {
    clients=$1 seconds=$2 files=
    shift 2
    for each in "$@"; do files="$files -f $work/$each.sql"; done
    query checkpoint
    # shellcheck disable=SC2086
    as_postgres "$postgres/pgbench" -h "$work/socket" -n -M prepared -c "$clients" -j 1 -T "$seconds" $files postgres
}

# pgbench SECONDS CLIENTS...: SELECT, then UPDATE and DELETE, with each number of clients.
pgbench() {
    seconds_each=$1
    shift
    for number in "$@"; do
        echo "select-$number $(transactions "$number" "$seconds_each" select | sed -n 's/^tps = \([0-9.]*\).*/\1/p')"
        echo "write-$number $(transactions "$number" "$seconds_each" update delete | sed -n 's/^tps = \([0-9.]*\).*/\1/p')"
    done
}

# fio SECONDS: sequential and random reads and writes, past the page cache; prints fio's JSON.
fio() {
    mkdir -p "$tools"
    grep -q " $tools " /proc/mounts || mount -t ext4 -o ro "$(disk_of bench-tools)" "$tools"
    LD_LIBRARY_PATH=$tools/lib "$tools/fio" --output-format=json --name=global --filename="$volume/fio" --size=32M \
        --direct=1 --ioengine=psync --thread --time_based --runtime="$1" \
        --name=read --stonewall --rw=read --bs=64k \
        --name=write --stonewall --rw=write --bs=64k \
        --name=random-read --stonewall --rw=randread --bs=8k \
        --name=commit --stonewall --rw=randwrite --bs=8k --fdatasync=1
}

# finish raw|connected|disconnected: the replication must still be as it was.
finish() {
    if [ "$1" = connected ] && ! replicated; then
        echo "DRBD lost its peer during the measurement: $(grep '^ 1:' /proc/drbd)" >&2
        return 1
    fi
    release
}

clean() {
    detach
    if grep -q " $tools " /proc/mounts; then umount "$tools"; fi
    rm -rf "$work"
}

"$@"
