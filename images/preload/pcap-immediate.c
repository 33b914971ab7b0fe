/*
 * UCARP opens its capture with a read timeout of one second.  Today's libpcap takes that as leave to hold a packet
 * back for as long, so the backup learns of the last advertisement up to a second late, and counts its three
 * seconds from there.  In 2006 libpcap handed each packet over at once; loaded before it, this does so again.
 */
#include <pcap/pcap.h>
#include <stdio.h>

pcap_t *pcap_open_live(const char *device, int snaplen, int promiscuous, int timeout, char *errbuf)
{
    pcap_t *capture = pcap_create(device, errbuf);

    if (capture == NULL)
        return NULL;
    pcap_set_snaplen(capture, snaplen);
    pcap_set_promisc(capture, promiscuous);
    pcap_set_timeout(capture, timeout);
    pcap_set_immediate_mode(capture, 1);
    if (pcap_activate(capture) < 0) {
        snprintf(errbuf, PCAP_ERRBUF_SIZE, "%s", pcap_geterr(capture));
        pcap_close(capture);
        return NULL;
    }
    return capture;
}
