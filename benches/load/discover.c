/* N boot clients in one thread, cheaper than the servers that they load.
 *
 * Each asks once with a DISCOVER, as EDK2 does, and is done when its OFFER came; its
 * hardware address and xid are its own. They ask in one of two ways: by broadcast on a
 * device, as machines do (and hear the answer by broadcast), or as a relay does for
 * them, from and to port 67 of an address of ours. Every answer is looked at: whose it
 * is, that it is an OFFER with a server identifier and a boot file and, of a proxy,
 * without an address.
 *
 *     discover --server 192.0.2.2 (--device veth0 | --relay 192.0.2.1)
 *
 *     --firmware F      uefi, bios, http or ipxe (uefi)
 *     --outstanding N   clients that wait at the same time (64); a new one for each that
 *                       is done, as many as there are
 *     --seconds S       in this time (1), or
 *     --clients N       so many, all of them begin at once
 *     --retry S         ask again after so long, doubled each time (4, as EDK2 does)
 *     --limit S         end after so long at the latest (30)
 *     --first N         number of the first client (0): others than those before
 *     --any             take answers that give an address as well
 *
 * Prints one JSON object, and ends with 0 however it went.
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

#define BATCH 64
#define MESSAGE_MAX 2048
#define CLIENTS_MAX (1 << 22)
#define RECEIVE_BUFFER (64 << 20)
#define TICK_NS 50000000ull /* between two looks at the timers */

#define XID 4 /* offsets of fields: RFC 2131, figure 1 */
#define FLAGS 10
#define YIADDR 16
#define SIADDR 20
#define GIADDR 24
#define CHADDR 28
#define FILE_NAME 108
#define COOKIE 236
#define OPTIONS 240

enum { DISCOVER = 1, OFFER = 2, TYPE = 53, SERVER = 54, FILE_OPTION = 67 };

struct client {
    uint64_t began, timer;
    uint8_t tries, done;
};

static struct {
    struct sockaddr_in server, own;
    const char *device, *firmware;
    uint32_t outstanding, clients, first;
    double seconds, retry, limit;
    int any;
} opt = {.firmware = "uefi", .outstanding = 64, .seconds = 1, .retry = 4, .limit = 30};

static struct {
    uint64_t sent, again, offers, late, wrong, unsent, bytes;
    char error[128];
} count;

static int sock;
static struct client *clients;
static uint32_t begun, waiting, *latencies; /* microseconds, of each offer */
static uint64_t now;
static uint8_t message[MESSAGE_MAX];
static size_t message_size;

static uint8_t in_bytes[BATCH][MESSAGE_MAX], out_bytes[BATCH][MESSAGE_MAX];
static struct iovec in_iov[BATCH], out_iov[BATCH];
static struct mmsghdr in[BATCH], out[BATCH];
static unsigned n_out;

static void die(const char *what)
{
    perror(what);
    exit(1);
}

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * 1000000000ull + (uint64_t)t.tv_nsec;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_PROCESS_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

/* ---- messages ---- */

static void put(uint8_t code, size_t length, const void *value)
{
    message[message_size++] = code;
    message[message_size++] = (uint8_t)length;
    memcpy(message + message_size, value, length);
    message_size += length;
}

static void write_message(void)
{
    static const uint8_t cookie[] = {0x63, 0x82, 0x53, 0x63};
    static const uint8_t asked[] = {1, 2, 3, 4, 5, 6, 12, 13, 15, 17, 18, 22, 23, 28, 40,
        41, 42, 43, 50, 51, 54, 58, 59, 60, 66, 67, 97, 128, 129, 130, 131, 132, 133, 134,
        135};
    static const struct {
        const char *name, *vendor;
        uint16_t arch;
    } kinds[] = {
        {"uefi", "PXEClient:Arch:00007:UNDI:003000", 7},
        {"bios", "PXEClient:Arch:00000:UNDI:002001", 0},
        {"http", "HTTPClient:Arch:00016:UNDI:003000", 16},
        {"ipxe", "PXEClient:Arch:00007:UNDI:003016", 7},
    };
    int kind = 0;
    while (strcmp(kinds[kind].name, opt.firmware))
        if (++kind == sizeof kinds / sizeof *kinds)
            die("--firmware");
    message[0] = 1; /* BOOTREQUEST */
    message[1] = 1; /* Ethernet */
    message[2] = 6;
    message[FLAGS] = 0x80;
    if (!opt.device) {
        message[3] = 1; /* hops */
        memcpy(message + GIADDR, &opt.own.sin_addr, 4);
    }
    memcpy(message + CHADDR, "\x02\xb0", 2);
    memcpy(message + COOKIE, cookie, sizeof cookie);
    message_size = OPTIONS;
    uint8_t type = DISCOVER, machine[17] = {0}, size[] = {0x05, 0xc0};
    memset(machine + 1, 0x5a, 16);
    uint8_t arch[] = {(uint8_t)(kinds[kind].arch >> 8), (uint8_t)kinds[kind].arch};
    put(TYPE, 1, &type);
    put(57, sizeof size, size);
    put(55, sizeof asked, asked);
    put(97, sizeof machine, machine);
    put(94, 3, "\x01\x03\x00");
    put(93, sizeof arch, arch);
    put(60, strlen(kinds[kind].vendor), kinds[kind].vendor);
    if (!strcmp(opt.firmware, "ipxe")) {
        put(77, 4, "iPXE");
        put(175, 9, "\x13\x01\x01\x15\x01\x01\x24\x01\x01");
    }
    message[message_size++] = 255;
    if (message_size < 300)
        message_size = 300;
}

static void flush(void)
{
    for (unsigned at = 0; at < n_out;) {
        int n = sendmmsg(sock, out + at, n_out - at, 0);
        if (n < 0) {
            if (errno == EINTR)
                continue;
            count.unsent++; /* no room: it is asked for again */
            n = 1;
        }
        at += (unsigned)n;
    }
    n_out = 0;
}

static void ask(uint32_t number)
{
    uint8_t *data = out_bytes[n_out];
    uint32_t id = htonl(opt.first + number);
    memcpy(data, message, message_size);
    memcpy(data + XID, &id, 4);
    memcpy(data + CHADDR + 2, &id, 4);
    out_iov[n_out].iov_len = message_size;
    struct client *c = clients + number;
    c->timer = now + (uint64_t)(opt.retry * 1e9 * (double)(1u << (c->tries < 6 ? c->tries : 6)));
    c->tries++;
    count.sent++;
    count.again += c->tries > 1;
    if (++n_out == BATCH)
        flush();
}

static void begin(void)
{
    clients[begun].began = now;
    waiting++;
    ask(begun++);
}

static const uint8_t *find(const uint8_t *data, size_t size, uint8_t code, uint8_t *length)
{
    for (size_t at = OPTIONS; at + 1 < size && data[at] != 255;) {
        if (data[at] == 0) {
            at++;
            continue;
        }
        if (at + 2 + data[at + 1] > size)
            return NULL;
        if (data[at] == code) {
            *length = data[at + 1];
            return data + at + 2;
        }
        at += 2u + data[at + 1];
    }
    return NULL;
}

/* NULL where an answer is right, else what is wrong with it. */
static const char *judge(const uint8_t *data, size_t size)
{
    static const uint8_t none[4];
    uint8_t length = 0;
    const uint8_t *value;
    if (size < 300)
        return "shorter than BOOTP";
    if (data[0] != 2)
        return "no reply";
    if (!(value = find(data, size, TYPE, &length)) || length != 1 || *value != OFFER)
        return "no OFFER";
    if (!(value = find(data, size, SERVER, &length)) || length != 4)
        return "no server identifier";
    if (!opt.any && memcmp(data + YIADDR, none, 4))
        return "an address is given";
    if (!opt.any && !memcmp(data + SIADDR, none, 4))
        return "no server to load from";
    /* UEFI may be told to ask again on port 4011. */
    if (!opt.any && strcmp(opt.firmware, "uefi") && !data[FILE_NAME]
        && !find(data, size, FILE_OPTION, &length))
        return "no boot file";
    return NULL;
}

static void take(const uint8_t *data, size_t size)
{
    uint32_t id;
    if (size < OPTIONS)
        return;
    memcpy(&id, data + XID, 4);
    if (memcmp(data + XID, data + CHADDR + 2, 4) || data[0] != 2)
        return; /* a broadcast of somebody else's */
    uint32_t number = ntohl(id) - opt.first;
    if (number >= begun)
        return;
    struct client *c = clients + number;
    if (c->done) {
        count.late++;
        return;
    }
    const char *wrong = judge(data, size);
    if (wrong) {
        if (!count.wrong++)
            snprintf(count.error, sizeof count.error, "%s", wrong);
        return;
    }
    c->done = 1;
    waiting--;
    uint64_t took = (now - c->began) / 1000;
    latencies[count.offers++] = took > UINT32_MAX ? UINT32_MAX : (uint32_t)took;
    count.bytes += size;
}

/* ---- the run ---- */

static void receive(int wait_ms)
{
    struct pollfd ready = {.fd = sock, .events = POLLIN};
    if (poll(&ready, 1, wait_ms) <= 0) {
        now = clock_ns();
        return;
    }
    for (;;) {
        int n = recvmmsg(sock, in, BATCH, MSG_DONTWAIT, NULL);
        now = clock_ns();
        if (n <= 0)
            return;
        for (int i = 0; i < n; i++)
            take(in_bytes[i], in[i].msg_len);
        if (n < BATCH)
            return;
    }
}

static void look_at_timers(void)
{
    for (uint32_t number = 0; number < begun; number++)
        if (!clients[number].done && now >= clients[number].timer)
            ask(number);
    flush();
}

static void run(uint64_t start)
{
    uint64_t tick = start + TICK_NS;
    uint64_t until = start + (uint64_t)(opt.seconds * 1e9);
    uint64_t end = start + (uint64_t)(opt.limit * 1e9);
    uint32_t most = opt.clients ? opt.clients : CLIENTS_MAX;
    for (;;) {
        int more = begun < most && (opt.clients || now < until);
        if ((!more && !waiting) || now >= end)
            return;
        if (!more && !opt.clients)
            return; /* time is up: who still waits is left out */
        while (more && begun < most && (opt.clients || waiting < opt.outstanding)) {
            begin();
            if (opt.clients && begun % 256 == 0)
                break; /* what has come is not to be lost */
        }
        flush();
        receive(more && opt.clients ? 0 : 20);
        if (now >= tick) {
            look_at_timers();
            tick = now + TICK_NS;
        }
    }
}

static int by_size(const void *a, const void *b)
{
    uint32_t x = *(const uint32_t *)a, y = *(const uint32_t *)b;
    return (x > y) - (x < y);
}

static double percentile(double share)
{
    if (!count.offers)
        return 0;
    uint64_t at = (uint64_t)((double)count.offers * share);
    return latencies[at < count.offers ? at : count.offers - 1] / 1e6;
}

static void report(uint64_t start, double cpu)
{
    double seconds = (double)(now - start) * 1e-9;
    qsort(latencies, count.offers, sizeof *latencies, by_size);
    printf("{\"seconds\": %.6f, \"cpu_seconds\": %.6f, ", seconds, cpu);
    printf("\"clients\": %u, \"sent\": %lu, \"again\": %lu, \"offers\": %lu, ", begun,
           count.sent, count.again, count.offers);
    printf("\"waiting\": %u, \"late\": %lu, \"wrong\": %lu, \"unsent\": %lu, ", waiting,
           count.late, count.wrong, count.unsent);
    printf("\"offers_per_s\": %.1f, \"bytes\": %lu, ", (double)count.offers / seconds,
           count.bytes);
    printf("\"median\": %.6f, \"p99\": %.6f, \"longest\": %.6f, ", percentile(0.5),
           percentile(0.99), percentile(1));
    printf("\"error\": \"%s\"}\n", count.error);
}

/* ---- setting up ---- */

static void open_socket(void)
{
    int one = 1, size = RECEIVE_BUFFER;
    sock = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0);
    if (sock < 0)
        die("socket");
    if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    setsockopt(sock, SOL_SOCKET, SO_REUSEADDR, &one, sizeof one);
    setsockopt(sock, SOL_SOCKET, SO_BROADCAST, &one, sizeof one);
    if (opt.device) {
        if (setsockopt(sock, SOL_SOCKET, SO_BINDTODEVICE, opt.device,
                       (socklen_t)strlen(opt.device)))
            die(opt.device);
        opt.own = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(68)};
        opt.server.sin_addr.s_addr = htonl(INADDR_BROADCAST);
    } else {
        opt.own.sin_family = AF_INET;
        opt.own.sin_port = htons(67);
    }
    if (bind(sock, (struct sockaddr *)&opt.own, sizeof opt.own))
        die("bind");
}

static void set_up(void)
{
    size_t most = opt.clients ? opt.clients : CLIENTS_MAX;
    clients = calloc(most, sizeof *clients);
    latencies = malloc(most * sizeof *latencies);
    if (!clients || !latencies)
        die("memory");
    open_socket();
    write_message();
    for (int i = 0; i < BATCH; i++) {
        in_iov[i] = (struct iovec){in_bytes[i], MESSAGE_MAX};
        in[i].msg_hdr = (struct msghdr){.msg_iov = &in_iov[i], .msg_iovlen = 1};
        out_iov[i].iov_base = out_bytes[i];
        out[i].msg_hdr = (struct msghdr){.msg_name = &opt.server,
            .msg_namelen = sizeof opt.server, .msg_iov = &out_iov[i], .msg_iovlen = 1};
    }
}

static const struct option LONG[] = {
    {"server", 1, 0, 'a'}, {"device", 1, 0, 'd'}, {"relay", 1, 0, 'g'},
    {"firmware", 1, 0, 'f'}, {"outstanding", 1, 0, 'o'}, {"seconds", 1, 0, 's'},
    {"clients", 1, 0, 'n'}, {"retry", 1, 0, 'r'}, {"limit", 1, 0, 'l'},
    {"first", 1, 0, 'F'}, {"any", 0, 0, 'A'}, {0},
};

static void parse(int argc, char **argv)
{
    opt.server = (struct sockaddr_in){.sin_family = AF_INET, .sin_port = htons(67)};
    for (int c; (c = getopt_long(argc, argv, "", LONG, NULL)) != -1;) {
        switch (c) {
        case 'a':
            if (inet_pton(AF_INET, optarg, &opt.server.sin_addr) != 1)
                die("--server");
            break;
        case 'd': opt.device = optarg; break;
        case 'g':
            if (inet_pton(AF_INET, optarg, &opt.own.sin_addr) != 1)
                die("--relay");
            break;
        case 'f': opt.firmware = optarg; break;
        case 'o': opt.outstanding = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 's': opt.seconds = atof(optarg); break;
        case 'n': opt.clients = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'r': opt.retry = atof(optarg); break;
        case 'l': opt.limit = atof(optarg); break;
        case 'F': opt.first = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'A': opt.any = 1; break;
        default: exit(2);
        }
    }
    if (!opt.device == !opt.own.sin_addr.s_addr || !opt.outstanding
        || opt.clients > CLIENTS_MAX) {
        fputs("discover: an option is missing or out of range\n", stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    set_up();
    double cpu = cpu_seconds();
    uint64_t start = now = clock_ns();
    run(start);
    report(start, cpu_seconds() - cpu);
    return 0;
}
