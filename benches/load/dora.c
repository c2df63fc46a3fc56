/* N DHCP clients behind one relay, from DISCOVER to ACK (RFC 2131, section 3.1).
 *
 * We are the relay: one socket on port 67 of our address speaks for all clients, so that
 * neither their number nor broadcasts cost anything. Each has a hardware address of its
 * own, and its number is the transaction's.
 *
 *     dora --server ADDRESS --relay ADDRESS
 *
 *     --clients N    so many in all (1000)
 *     --rate N       so many begin in a second; 0, the default: all at once
 *     --first N      the number of the first one (0)
 *     --retry S      after which an unanswered message is sent again, once more and so
 *                    on; 0, the default: never
 *     --limit S      it ends so long after the last one began (4)
 *
 * Prints one JSON object: how many were offered an address and got one, how many got
 * one that another had got (it must be none), and how long it took them in milliseconds.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <getopt.h>
#include <netinet/in.h>
#include <poll.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <time.h>

enum { DISCOVER = 1, OFFER = 2, REQUEST = 3, ACK = 5, NAK = 6 };

#define SECOND 1000000000ull
#define OPTIONS 240            /* where they begin: RFC 2131, figure 1 and section 3 */
#define CLIENTS_MAX (1 << 22)
#define RECEIVE_BUFFER (64 << 20)

struct client {
    uint64_t began, sent, ended;
    uint32_t offered, server, given; /* as on the wire */
    uint8_t state;                   /* the message that it waits for an answer to */
};

static struct client *clients;
static long count = 1000, rate, first, offers, acks, naks, doubles, strange, again;
static double retry, limit = 4;
static struct sockaddr_in server, relay;
static int fd;

static uint64_t now(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static void send_message(long number, int kind)
{
    struct client *client = &clients[number];
    uint8_t data[300] = {1, 1, 6, 1}, *at = data + OPTIONS;
    uint32_t xid = htonl((uint32_t)number), id = htonl((uint32_t)(number + first));
    memcpy(data + 4, &xid, 4);
    memcpy(data + 24, &relay.sin_addr, 4);
    data[28] = 0x02; /* locally administered */
    memcpy(data + 30, &id, 4);
    memcpy(data + 236, "\x63\x82\x53\x63", 4);
    *at++ = 53, *at++ = 1, *at++ = (uint8_t)kind;
    if (kind == REQUEST) {
        *at++ = 50, *at++ = 4, memcpy(at, &client->offered, 4), at += 4;
        *at++ = 54, *at++ = 4, memcpy(at, &client->server, 4), at += 4;
    }
    *at++ = 55, *at++ = 3, *at++ = 1, *at++ = 3, *at++ = 6;
    *at = 255;
    client->state = (uint8_t)kind;
    client->sent = now();
    if (sendto(fd, data, sizeof data, 0, (void *)&server, sizeof server) < 0 &&
        errno != EAGAIN && errno != ENOBUFS)
        die("sendto");
}

/* The value of an option that has `size` bytes; NULL if there is none. */
static const uint8_t *option(const uint8_t *data, long length, int code, int size)
{
    for (long at = OPTIONS; at < length && data[at] != 255;) {
        if (data[at] == 0) {
            at++;
            continue;
        }
        if (at + 2 > length || at + 2 + data[at + 1] > length)
            return NULL;
        if (data[at] == code)
            return data[at + 1] == size ? data + at + 2 : NULL;
        at += 2 + data[at + 1];
    }
    return NULL;
}

static void take(const uint8_t *data, long length, uint64_t time)
{
    const uint8_t *kind, *id;
    uint32_t xid;
    if (length < OPTIONS || data[0] != 2 || !(kind = option(data, length, 53, 1)) ||
        !(id = option(data, length, 54, 4))) {
        strange++;
        return;
    }
    memcpy(&xid, data + 4, 4);
    xid = ntohl(xid);
    if (xid >= (uint32_t)count || !clients[xid].state) {
        strange++;
        return;
    }
    struct client *client = &clients[xid];
    if (*kind == OFFER && client->state == DISCOVER) {
        memcpy(&client->offered, data + 16, 4);
        memcpy(&client->server, id, 4);
        offers++;
        send_message(xid, REQUEST);
    } else if (*kind == ACK && client->state == REQUEST && !client->ended) {
        memcpy(&client->given, data + 16, 4);
        client->ended = time;
        acks++;
    } else if (*kind == NAK) {
        naks++;
    }
}

static void receive(void)
{
    static uint8_t data[2048];
    ssize_t length;
    while ((length = recv(fd, data, sizeof data, MSG_DONTWAIT)) >= 0)
        take(data, length, now());
}

static void repeat(long begun, uint64_t time)
{
    for (long i = 0; i < begun; i++) {
        struct client *client = &clients[i];
        if (!client->ended && time - client->sent >= retry * SECOND) {
            again++;
            send_message(i, client->state);
        }
    }
}

static int by_value(const void *a, const void *b)
{
    uint64_t x = *(const uint64_t *)a, y = *(const uint64_t *)b;
    return (x > y) - (x < y);
}

static double share(const uint64_t *times, long n, double part)
{
    long at = (long)(part * (double)n);
    return n ? (double)times[at < n ? at : n - 1] / 1e6 : 0;
}

static void report(uint64_t began)
{
    uint64_t *times = calloc((size_t)count + 1, sizeof *times);
    uint64_t *given = calloc((size_t)count + 1, sizeof *given), last = began;
    long n = 0;
    if (!times || !given)
        die("calloc");
    for (long i = 0; i < count; i++)
        if (clients[i].ended) {
            given[n] = clients[i].given;
            times[n++] = clients[i].ended - clients[i].began;
            if (clients[i].ended > last)
                last = clients[i].ended;
        }
    qsort(times, (size_t)n, sizeof *times, by_value);
    qsort(given, (size_t)n, sizeof *given, by_value);
    for (long i = 1; i < n; i++)
        doubles += given[i] == given[i - 1];
    printf("{\"clients\": %ld, \"offers\": %ld, \"acks\": %ld, \"naks\": %ld, "
           "\"doubles\": %ld, \"strange\": %ld, \"again\": %ld, \"seconds\": %.3f, "
           "\"p50_ms\": %.2f, \"p99_ms\": %.2f, \"max_ms\": %.2f}\n",
           count, offers, acks, naks, doubles, strange, again,
           (double)(last - began) / 1e9, share(times, n, 0.5), share(times, n, 0.99),
           share(times, n, 1));
}

static void run(void)
{
    long begun = 0;
    uint64_t began = now(), time = began, end = 0, look = began;
    while (acks < count && (!end || time < end)) {
        long due = rate ? (long)((double)(time - began) / SECOND * (double)rate) : count;
        for (int batch = 0; begun < due && begun < count && batch < 64; batch++, begun++) {
            clients[begun].began = now();
            send_message(begun, DISCOVER);
        }
        receive();
        if (retry > 0 && time - look > SECOND / 50) {
            look = time;
            repeat(begun, time);
        }
        if (begun >= due || begun == count) {
            struct pollfd ready = {fd, POLLIN, 0};
            poll(&ready, 1, 1);
        }
        time = now();
        if (begun == count && !end)
            end = time + (uint64_t)(limit * SECOND);
    }
    report(began);
}

static void address(struct sockaddr_in *to, const char *text)
{
    to->sin_family = AF_INET;
    to->sin_port = htons(67);
    if (inet_pton(AF_INET, text, &to->sin_addr) != 1) {
        fprintf(stderr, "%s is no address\n", text);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    static const struct option known[] = {
        {"server", 1, 0, 's'}, {"relay", 1, 0, 'r'}, {"clients", 1, 0, 'c'},
        {"rate", 1, 0, 'n'},   {"first", 1, 0, 'f'}, {"retry", 1, 0, 'a'},
        {"limit", 1, 0, 'l'},  {0, 0, 0, 0}};
    int which, size = RECEIVE_BUFFER;
    while ((which = getopt_long(argc, argv, "", known, NULL)) != -1)
        switch (which) {
        case 's': address(&server, optarg); break;
        case 'r': address(&relay, optarg); break;
        case 'c': count = atol(optarg); break;
        case 'n': rate = atol(optarg); break;
        case 'f': first = atol(optarg); break;
        case 'a': retry = atof(optarg); break;
        case 'l': limit = atof(optarg); break;
        default: return 2;
        }
    if (!server.sin_family || !relay.sin_family || count < 1 || count > CLIENTS_MAX)
        return 2;
    if (!(clients = calloc((size_t)count, sizeof *clients)))
        die("calloc");
    if ((fd = socket(AF_INET, SOCK_DGRAM, 0)) < 0)
        die("socket");
    setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size);
    if (bind(fd, (void *)&relay, sizeof relay) < 0)
        die("bind");
    run();
    return 0;
}
