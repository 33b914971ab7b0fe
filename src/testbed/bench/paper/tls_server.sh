#!/bin/sh
# tls_server start|stop: beside the webmail of an app node, the same Apache once more, with TLS on port 9443.
#
# The certificate is in the folder of this measurement, which goes with it. The other settings are those of the webmail's
# own server: its environment and its configuration.
set -eu
folder=/run/bench-tls
pid=$folder/apache2.pid

start() {
    mkdir -p "$folder/run" "$folder/lock"
    cat >"$folder/apache2.conf" <<END
LoadModule ssl_module /usr/lib/apache2/modules/mod_ssl.so
SSLEngine on
SSLCertificateFile $folder/site.crt
SSLCertificateKeyFile $folder/site.key
SSLProtocol -all +TLSv1.2 +TLSv1.3
SSLSessionTickets off
Include /etc/apache2/apache2.conf
END
    read -r webmail </run/apache2/webmail/apache2.pid
    # The command that starts the server reads its output to the end, so the server must not hold it open.
    # shellcheck disable=SC2016
    xargs -0 -a "/proc/$webmail/environ" sh -c 'exec env -i "$@" PORT=9443 APACHE_RUN_DIR=/run/bench-tls/run \
        APACHE_LOCK_DIR=/run/bench-tls/lock APACHE_PID_FILE=/run/bench-tls/apache2.pid \
        apache2 -f /run/bench-tls/apache2.conf' sh </dev/null >/dev/null 2>"$folder/errors" || {
        cat "$folder/errors" >&2
        return 1
    }
}

stop() {
    if [ -e "$pid" ]; then
        kill "$(cat "$pid")" || true
        for _ in 1 2 3 4 5 6 7 8 9 10; do
            [ -e "$pid" ] || break
            sleep 0.2
        done
    fi
    rm -rf "$folder"
}

"$1"
