/* N TFTP readers in one thread, cheaper than the servers that they load.
 *
 * Each transfer comes from an address of its own: 127.1.0.0, 127.1.0.1, ... All of
 * them share one socket, bound to the wildcard address: where a datagram was sent to
 * (IP_PKTINFO) tells whose it is, and is what it is answered from. So thousands of
 * readers cost one recvmmsg and one sendmmsg a batch, and neither an epoll nor a
 * system call for each; with UDP_GRO a window that left the server in one piece comes
 * in one piece. Every byte is compared with the file, in the order of the blocks.
 *
 * A reader follows RFC 7440: it acknowledges the last block of a window, and at a gap,
 * once, the last block that came in order. Its own timer repeats the request or the
 * last ACK. Loss is drawn from a generator of each transfer's own, so that a seed means
 * the same losses whatever the order in which readers get their turns.
 *
 * It never sleeps while it waits: no server has to wake it, as none has to wake a
 * machine at the other end of a cable. The time in which it looked in vain whether
 * something had come is left out of its CPU seconds.
 *
 *     load --port N --file NAME=PATH [--file ...] [--server 127.0.0.1]
 *
 *     --clients N       transfers at the same time (1)
 *     --transfers N     so many and no more; without it, as many as begin within
 *     --seconds S       (1), of which those that still run after
 *     --cut S           (10) are ended by us
 *     --limit S         after it transfers that still run have failed (60)
 *     --blksize N       512: not asked for
 *     --windowsize N    1: not asked for
 *     --no-tsize        do not ask for the size
 *     --retry S         the timer, doubled twice at most (1)
 *     --loss P          share of datagrams that is dropped, in each direction (0)
 *     --seed N          which ones (0)
 *     --linger S        repeat last ACKs, and answer for so long after the end (0)
 *     --half-open       send requests and follow none up
 *     --no-gro          take segments one by one
 *
 * Prints one JSON object, and ends with 0 however the transfers ended.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <linux/sock_diag.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/mman.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_GRO
#define UDP_GRO 104
#endif
#ifndef SO_MEMINFO
#define SO_MEMINFO 55
#endif

enum { READ = 1, DATA = 3, ACK = 4, ERROR = 5, OPTION_ACK = 6 };

#define BATCH 64
#define DATAGRAM_MAX 65536
#define OUT_MAX 512            /* a request: RFC 2347, section 2 */
#define TRANSFERS_MAX (1 << 22)
#define FILES_MAX 64
#define FIRST_ADDRESS 0x7f010000u /* 127.1.0.0 */
#define RETRIES 20             /* timers that run out in a row before it gives up */
#define TICK_NS 20000000ull    /* between two looks at the timers */
#define SECOND 1000000000ull
#define RECEIVE_BUFFER (256 << 20) /* loss is to come from the seed alone */

enum state { FREE, WAITING, READING, DONE, FAILED };

struct file {
    const char *name;
    const uint8_t *bytes;
    uint64_t size;
};

struct transfer {
    uint64_t expected; /* number of the block to come; 0: an OACK or block 1 */
    uint64_t seen;     /* number of the block that came last */
    uint64_t timer;
    uint64_t chance;
    uint32_t slot;
    uint16_t port; /* the server's TID; network order, 0 while unknown */
    uint16_t blksize;
    uint16_t window;
    uint16_t in_window;
    uint8_t state;
    uint8_t gap_reported;
    uint8_t silent; /* timers that ran out in a row */
};

struct options {
    struct sockaddr_in server;
    struct file files[FILES_MAX];
    int n_files;
    uint32_t clients;
    uint64_t transfers; /* 0: as many as begin within `seconds` */
    double seconds, cut, limit, retry, linger;
    uint32_t blksize, window;
    double loss;
    uint64_t seed;
    int tsize, gro, half_open;
};

static struct options opt = {
    .clients = 1, .transfers = 0, .seconds = 1, .cut = 10, .limit = 60,
    .retry = 1, .blksize = 512, .window = 1, .tsize = 1, .gro = 1,
};

static struct {
    uint64_t bytes, completed, failed, cut, data_packets, data_bytes, duplicates;
    uint64_t retransmits, lost_in, lost_out, answered, unsent, datagrams, batches;
    uint32_t blksize, window;
    char error[128];
} count;

static int sock;
static struct transfer *transfers;
static uint64_t begun;     /* transfers that were started */
static struct transfer **running; /* what each client is at; NULL between two */
static uint32_t *resting, n_resting; /* the clients between two transfers */
static uint64_t now, last_end, retry_ns;
static double idle; /* CPU seconds spent looking in vain whether something came */

static struct mmsghdr in[BATCH], out[BATCH];
static struct sockaddr_in in_from[BATCH], out_to[BATCH];
static struct iovec in_iov[BATCH], out_iov[BATCH];
static uint8_t (*in_bytes)[DATAGRAM_MAX], out_bytes[BATCH][OUT_MAX];
#define INFO_SPACE CMSG_SPACE(sizeof(struct in_pktinfo))
static _Alignas(struct cmsghdr) char in_control[BATCH][INFO_SPACE + CMSG_SPACE(sizeof(int))];
static _Alignas(struct cmsghdr) char out_control[BATCH][INFO_SPACE];
static int n_out;

static void die(const char *what)
{
    fprintf(stderr, "load: %s: %s\n", what, strerror(errno));
    exit(2);
}

static uint64_t clock_ns(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (uint64_t)t.tv_sec * SECOND + (uint64_t)t.tv_nsec;
}

static double cpu_seconds(void)
{
    struct timespec t;
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t); /* getrusage's sum, in nanoseconds */
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint16_t get16(const uint8_t *p) { return (uint16_t)(p[0] << 8 | p[1]); }

static void put16(uint8_t *p, unsigned value)
{
    p[0] = (uint8_t)(value >> 8);
    p[1] = (uint8_t)value;
}

/* Whether this datagram is to be lost: splitmix64, one sequence a transfer. */
static int lose(struct transfer *t)
{
    if (opt.loss <= 0)
        return 0;
    uint64_t z = t->chance += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    z ^= z >> 31;
    return (double)(z >> 11) * 0x1p-53 < opt.loss;
}

/* ---- sending ---- */

static void flush(void)
{
    int sent = 0;
    while (sent < n_out) {
        int n = sendmmsg(sock, out + sent, (unsigned)(n_out - sent), 0);
        if (n > 0)
            sent += n;
        else if (errno != EINTR) {
            count.unsent++; /* the reader's timer sends it again */
            sent++;
        }
    }
    n_out = 0;
}

/* A datagram of `size` bytes to fill in, from a transfer's address to the server. */
static uint8_t *datagram(struct transfer *t, size_t size)
{
    if (n_out == BATCH)
        flush();
    int i = n_out++;
    struct in_pktinfo *info = (void *)CMSG_DATA((struct cmsghdr *)out_control[i]);
    info->ipi_spec_dst.s_addr = htonl(FIRST_ADDRESS + (uint32_t)(t - transfers));
    out_to[i].sin_port = t->port ? t->port : opt.server.sin_port;
    out_iov[i].iov_len = size;
    return out_bytes[i];
}

static void set_timer(struct transfer *t)
{
    /* Doubles up to four times what was asked for, as boot firmware does. */
    t->timer = now + (retry_ns << (t->silent < 2 ? t->silent : 2));
}

static size_t add(uint8_t *to, size_t at, const char *text)
{
    size_t length = strlen(text) + 1;
    if (at + length > OUT_MAX) {
        fputs("load: the file's name is too long\n", stderr);
        exit(2);
    }
    memcpy(to + at, text, length);
    return at + length;
}

static void send_request(struct transfer *t)
{
    uint8_t request[OUT_MAX];
    char number[12];
    size_t size = 2;
    put16(request, READ);
    size = add(request, size, opt.files[(t - transfers) % opt.n_files].name);
    size = add(request, size, "octet");
    if (opt.tsize) {
        size = add(request, size, "tsize");
        size = add(request, size, "0");
    }
    if (opt.blksize != 512) {
        snprintf(number, sizeof number, "%u", opt.blksize);
        size = add(request, size, "blksize");
        size = add(request, size, number);
    }
    if (opt.window != 1) {
        snprintf(number, sizeof number, "%u", opt.window);
        size = add(request, size, "windowsize");
        size = add(request, size, number);
    }
    set_timer(t);
    if (lose(t))
        count.lost_out++;
    else
        memcpy(datagram(t, size), request, size);
}

static void send_ack(struct transfer *t)
{
    t->in_window = 0;
    if (lose(t)) {
        count.lost_out++;
        return;
    }
    uint8_t *ack = datagram(t, 4);
    put16(ack, ACK);
    put16(ack + 2, (unsigned)(t->expected ? t->expected - 1 : 0) & 0xffff);
}

/* The last ACK again: something is missing, or the server does not know what came. */
static void send_ack_again(struct transfer *t)
{
    count.retransmits++;
    t->gap_reported = 1;
    send_ack(t);
}

static void send_error(struct transfer *t, const char *text)
{
    size_t size = strlen(text) + 5;
    uint8_t *error = datagram(t, size);
    put16(error, ERROR);
    put16(error + 2, 0);
    memcpy(error + 4, text, size - 4);
}

/* ---- the life of a transfer ---- */

static void begin(void)
{
    struct transfer *t = transfers + begun++;
    t->slot = resting[--n_resting];
    running[t->slot] = t;
    t->state = WAITING;
    t->blksize = 512;
    t->window = 1;
    t->chance = opt.seed * 0xd1342543de82ef95ull + begun;
    send_request(t);
}

static void end(struct transfer *t, enum state state)
{
    t->state = (uint8_t)state;
    running[t->slot] = NULL;
    resting[n_resting++] = t->slot;
    last_end = now;
    if (t->port) {
        count.blksize = t->blksize;
        count.window = t->window;
    }
}

static void fail(struct transfer *t, const char *why)
{
    if (!count.failed++)
        snprintf(count.error, sizeof count.error, "%s", why);
    if (t->port)
        send_error(t, "no");
    end(t, FAILED);
}

static void failed_by_peer(struct transfer *t, const uint8_t *packet, size_t size)
{
    if (!count.failed++) {
        int length = size > 4 ? (int)(size - 4) : 0;
        snprintf(count.error, sizeof count.error, "ERROR %u: %.*s",
                 size >= 4 ? get16(packet + 2) : 0, length < 80 ? length : 80,
                 (const char *)packet + 4);
        for (char *c = count.error; *c; c++) /* it goes into a JSON string */
            if (*c < 32 || *c > 126 || *c == '"' || *c == '\\')
                *c = '?';
    }
    end(t, FAILED);
}

/* RFC 2347: what is not in the OACK was not granted. */
static int take_options(struct transfer *t, const uint8_t *p, const uint8_t *stop)
{
    while (p < stop) {
        const uint8_t *name = p, *value;
        if (!(p = memchr(p, 0, (size_t)(stop - p))) || ++p >= stop)
            return 0;
        value = p;
        if (!(p = memchr(p, 0, (size_t)(stop - p))))
            return 0;
        p++;
        unsigned long number = strtoul((const char *)value, NULL, 10);
        if (!strcasecmp((const char *)name, "blksize")) {
            if (number < 8 || number > opt.blksize)
                return 0;
            t->blksize = (uint16_t)number;
        } else if (!strcasecmp((const char *)name, "windowsize")) {
            if (number < 1 || number > opt.window)
                return 0;
            t->window = (uint16_t)number;
        } else if (!strcasecmp((const char *)name, "tsize")) {
            if (number != opt.files[(t - transfers) % opt.n_files].size)
                return 0;
        } else
            return 0;
    }
    return 1;
}

static void heard(struct transfer *t)
{
    t->silent = 0;
    set_timer(t);
}

static void take_oack(struct transfer *t, const uint8_t *packet, size_t size, uint16_t port)
{
    if (t->state == WAITING) {
        if (!take_options(t, packet + 2, packet + size))
            return fail(t, "an OACK with what was not asked for");
        t->port = port;
        t->expected = 1;
        t->state = READING;
        heard(t);
        send_ack(t);
    } else if (t->state == READING && t->expected == 1)
        send_ack_again(t); /* ACK 0 was lost */
}

static void take_data(struct transfer *t, const uint8_t *packet, size_t size, uint16_t port)
{
    if (t->state == WAITING) { /* the server knows no options */
        t->port = port;
        t->expected = 1;
        t->state = READING;
    }
    int16_t ahead = (int16_t)(get16(packet + 2) - (uint16_t)t->expected);
    uint64_t number = t->expected + (uint64_t)(int64_t)ahead;
    if (number <= t->seen)
        t->gap_reported = 0; /* another window has begun */
    t->seen = number;
    if (ahead > 0) {
        if (!t->gap_reported)
            send_ack_again(t);
        return;
    }
    if (ahead < 0) {
        count.duplicates++;
        /* Where it is what we acknowledged last, our ACK was lost. To answer others as
         * well would double every window from then on. */
        if (ahead == -1 && !t->in_window)
            send_ack_again(t);
        return;
    }
    const struct file *file = opt.files + (t - transfers) % opt.n_files;
    uint64_t offset = (t->expected - 1) * t->blksize, left = file->size - offset;
    size_t length = size - 4;
    if (length != (left < t->blksize ? left : t->blksize))
        return fail(t, "a block of the wrong length");
    if (memcmp(packet + 4, file->bytes + offset, length))
        return fail(t, "wrong bytes");
    count.bytes += length;
    t->expected++;
    t->gap_reported = 0;
    heard(t);
    int last = length < t->blksize;
    if (last || ++t->in_window == t->window)
        send_ack(t);
    if (last) {
        count.completed++;
        end(t, DONE);
    }
}

static void take(struct transfer *t, const uint8_t *packet, size_t size, uint16_t port)
{
    if (t->state == FREE || t->state == FAILED || size < 4)
        return;
    unsigned opcode = get16(packet);
    if (opcode == DATA) {
        count.data_packets++;
        count.data_bytes += size - 4;
    }
    if (lose(t)) {
        count.lost_in++;
        return;
    }
    if (t->port && t->port != port)
        return; /* a second answer to a repeated request (RFC 1350, section 4) */
    if (opt.half_open) {
        if (t->state == WAITING) {
            t->state = READING;
            count.answered++;
        }
    } else if (opcode == DATA)
        take_data(t, packet, size, port);
    else if (opcode == OPTION_ACK)
        take_oack(t, packet, size, port);
    else if (opcode == ERROR && t->state != DONE)
        failed_by_peer(t, packet, size);
}

static void on_timer(struct transfer *t)
{
    if (t->silent++ >= RETRIES)
        return fail(t, "no answer");
    if (t->state == WAITING) {
        count.retransmits++;
        send_request(t);
    } else {
        set_timer(t);
        send_ack_again(t);
    }
}

/* ---- receiving ---- */

static void take_datagram(int i)
{
    struct in_addr to = {0};
    size_t segment = in[i].msg_len;
    struct msghdr *head = &in[i].msg_hdr;
    for (struct cmsghdr *c = CMSG_FIRSTHDR(head); c; c = CMSG_NXTHDR(head, c)) {
        if (c->cmsg_level == IPPROTO_IP && c->cmsg_type == IP_PKTINFO)
            to = ((struct in_pktinfo *)(void *)CMSG_DATA(c))->ipi_addr;
        else if (c->cmsg_level == SOL_UDP && c->cmsg_type == UDP_GRO)
            segment = (size_t)*(int *)(void *)CMSG_DATA(c);
    }
    uint32_t index = ntohl(to.s_addr) - FIRST_ADDRESS;
    if (index >= begun || segment == 0)
        return;
    count.datagrams++;
    struct transfer *t = transfers + index;
    for (size_t at = 0; at < in[i].msg_len; at += segment) {
        size_t left = in[i].msg_len - at;
        take(t, in_bytes[i] + at, left < segment ? left : segment, in_from[i].sin_port);
    }
}

/* Takes what has come; looks for it for up to one tick. */
static void receive(void)
{
    int n;
    uint64_t until = clock_ns() + TICK_NS;
    double first = 0, last = 0;
    while ((n = recvmmsg(sock, in, BATCH, MSG_DONTWAIT, NULL)) < 0) {
        if (errno != EAGAIN && errno != EINTR)
            die("recvmmsg");
        now = clock_ns();
        last = cpu_seconds();
        if (first == 0)
            first = last; /* the first look is work */
        if (now >= until)
            break;
    }
    idle += last - first;
    now = clock_ns();
    count.batches += n > 0;
    for (int i = 0; i < n; i++)
        take_datagram(i);
    for (int i = 0; i < n; i++) {
        in[i].msg_hdr.msg_controllen = sizeof in_control[i];
        in[i].msg_hdr.msg_namelen = sizeof in_from[i];
    }
    flush();
}

static int open_socket(void)
{
    struct sockaddr_in any = {.sin_family = AF_INET};
    int fd = socket(AF_INET, SOCK_DGRAM | SOCK_CLOEXEC, 0), yes = 1;
    int size = RECEIVE_BUFFER;
    if (fd < 0 || bind(fd, (void *)&any, sizeof any))
        die("socket");
    if (setsockopt(fd, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(fd, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (setsockopt(fd, IPPROTO_IP, IP_PKTINFO, &yes, sizeof yes))
        die("IP_PKTINFO");
    if (opt.gro && setsockopt(fd, SOL_UDP, UDP_GRO, &yes, sizeof yes))
        die("UDP_GRO");
    return fd;
}

static uint32_t kernel_drops(void)
{
    uint32_t info[SK_MEMINFO_VARS] = {0};
    socklen_t size = sizeof info;
    getsockopt(sock, SOL_SOCKET, SO_MEMINFO, info, &size);
    return info[SK_MEMINFO_DROPS];
}

static void set_up(void)
{
    sock = open_socket();
    in_bytes = calloc(BATCH, DATAGRAM_MAX);
    running = calloc(opt.clients, sizeof *running);
    resting = calloc(opt.clients, sizeof *resting);
    /* Only the pages of transfers that begin are ever touched. */
    transfers = mmap(NULL, TRANSFERS_MAX * sizeof *transfers, PROT_READ | PROT_WRITE,
                     MAP_PRIVATE | MAP_ANONYMOUS | MAP_NORESERVE, -1, 0);
    if (!in_bytes || !running || !resting || transfers == MAP_FAILED)
        die("memory");
    while (n_resting < opt.clients) {
        resting[n_resting] = n_resting;
        n_resting++;
    }
    for (int i = 0; i < BATCH; i++) {
        in_iov[i] = (struct iovec){in_bytes[i], DATAGRAM_MAX};
        in[i].msg_hdr = (struct msghdr){.msg_name = &in_from[i], .msg_iov = &in_iov[i],
            .msg_namelen = sizeof in_from[i], .msg_iovlen = 1,
            .msg_control = in_control[i], .msg_controllen = sizeof in_control[i]};
        struct cmsghdr *c = (struct cmsghdr *)out_control[i];
        c->cmsg_level = IPPROTO_IP;
        c->cmsg_type = IP_PKTINFO;
        c->cmsg_len = CMSG_LEN(sizeof(struct in_pktinfo));
        out_to[i] = opt.server;
        out_iov[i].iov_base = out_bytes[i];
        out[i].msg_hdr = (struct msghdr){.msg_name = &out_to[i],
            .msg_namelen = sizeof out_to[i], .msg_iov = &out_iov[i], .msg_iovlen = 1,
            .msg_control = out_control[i], .msg_controllen = sizeof out_control[i]};
    }
}

/* ---- the run ---- */

static void look_at_timers(void)
{
    for (uint32_t slot = 0; slot < opt.clients; slot++)
        if (running[slot] && now >= running[slot]->timer)
            on_timer(running[slot]);
}

static void fail_the_rest(void)
{
    for (uint32_t slot = 0; slot < opt.clients; slot++)
        if (running[slot])
            fail(running[slot], "not done within --limit");
    flush();
}

static void cut_the_rest(void)
{
    for (uint32_t slot = 0; slot < opt.clients; slot++) {
        struct transfer *t = running[slot];
        if (!t)
            continue;
        count.cut++;
        if (t->port)
            send_error(t, "enough");
        end(t, FAILED);
    }
    flush();
}

static void run_transfers(uint64_t start)
{
    uint64_t tick = start + TICK_NS;
    for (;;) {
        double passed = (double)(now - start) * 1e-9;
        int more = opt.transfers ? begun < opt.transfers : passed < opt.seconds;
        if (!more && n_resting == opt.clients)
            return;
        if (passed > opt.limit)
            return fail_the_rest();
        if (!opt.transfers && passed > opt.cut)
            return cut_the_rest();
        /* Not all at once: what has come is not to wait for long. */
        for (int n = 0; more && n < BATCH && n_resting && begun < TRANSFERS_MAX; n++) {
            begin();
            more = !opt.transfers || begun < opt.transfers;
        }
        flush();
        receive();
        if (now >= tick) {
            look_at_timers();
            tick = now + TICK_NS;
        }
    }
}

/* The last ACK of each transfer goes out once more, as it may have been lost, and what
 * comes is answered for a while: no server is left with a transfer that is over. Nothing
 * more gets lost. */
static void run_linger(void)
{
    opt.loss = 0;
    for (uint64_t i = 0; i < begun; i++)
        if (transfers[i].state == DONE)
            send_ack(transfers + i);
    flush();
    uint64_t until = now + (uint64_t)(opt.linger * 1e9);
    while (now < until)
        receive();
}

/* Requests that nobody follows up, no more at a time than a receive buffer holds. */
static void run_half_open(uint64_t start)
{
    uint64_t until = start + (uint64_t)(opt.limit * 1e9), quiet = now, answered = 0;
    while (now < until && now - quiet < SECOND) {
        int waiting = begun - count.answered > 64 && now - quiet < 2 * TICK_NS;
        for (int n = 0; !waiting && n < 32 && n_resting; n++)
            begin();
        receive();
        if (count.answered != answered || n_resting)
            quiet = answered == count.answered ? quiet : now;
        answered = count.answered;
    }
    last_end = now;
}

static void report(uint64_t start, double cpu)
{
    double seconds = (double)(last_end - start) * 1e-9;
    printf("{\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"bytes\": %lu, ", seconds,
           cpu, count.bytes);
    printf("\"completed\": %lu, \"failed\": %lu, \"cut\": %lu, \"answered\": %lu, ",
           count.completed, count.failed, count.cut, count.answered);
    printf("\"mb_per_s\": %.3f, \"transfers_per_s\": %.3f, ",
           (double)count.bytes / seconds / 1e6, (double)count.completed / seconds);
    printf("\"data_packets\": %lu, \"data_bytes\": %lu, \"duplicates\": %lu, ",
           count.data_packets, count.data_bytes, count.duplicates);
    printf("\"retransmit_requests\": %lu, \"lost_in\": %lu, \"lost_out\": %lu, ",
           count.retransmits, count.lost_in, count.lost_out);
    printf("\"kernel_drops\": %u, \"unsent\": %lu, ", kernel_drops(), count.unsent);
    printf("\"datagrams\": %lu, \"batches\": %lu, ", count.datagrams, count.batches);
    printf("\"blksize\": %u, \"windowsize\": %u, \"error\": \"%s\"}\n", count.blksize,
           count.window, count.error);
}

/* ---- the command line ---- */

static void add_file(const char *name, const char *path)
{
    struct file *file = opt.files + opt.n_files++;
    struct stat st;
    int fd = opt.n_files <= FILES_MAX ? open(path, O_RDONLY | O_CLOEXEC) : -1;
    if (fd < 0 || fstat(fd, &st))
        die(path);
    file->name = name;
    file->size = (uint64_t)st.st_size;
    file->bytes = mmap(NULL, file->size + !file->size, PROT_READ,
                       MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (file->bytes == MAP_FAILED)
        die(path);
    close(fd);
}

static void add_file_argument(char *argument)
{
    char *path = strchr(argument, '=');
    if (!path) {
        fputs("load: --file NAME=PATH\n", stderr);
        exit(2);
    }
    *path++ = 0;
    add_file(argument, path);
}

static const struct option LONG[] = {
    {"server", 1, 0, 'a'}, {"port", 1, 0, 'p'}, {"file", 1, 0, 'f'},
    {"clients", 1, 0, 'n'}, {"transfers", 1, 0, 't'}, {"seconds", 1, 0, 's'},
    {"cut", 1, 0, 'c'}, {"limit", 1, 0, 'l'}, {"retry", 1, 0, 'r'},
    {"linger", 1, 0, 'g'}, {"blksize", 1, 0, 'b'}, {"windowsize", 1, 0, 'w'},
    {"loss", 1, 0, 'L'}, {"seed", 1, 0, 'S'}, {"no-tsize", 0, 0, 'T'},
    {"no-gro", 0, 0, 'G'}, {"half-open", 0, 0, 'h'}, {0},
};

static void parse(int argc, char **argv)
{
    opt.server.sin_family = AF_INET;
    opt.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int c; (c = getopt_long(argc, argv, "", LONG, NULL)) != -1;) {
        switch (c) {
        case 'a':
            if (inet_pton(AF_INET, optarg, &opt.server.sin_addr) != 1)
                die("--server");
            break;
        case 'p': opt.server.sin_port = htons((uint16_t)atoi(optarg)); break;
        case 'f': add_file_argument(optarg); break;
        case 'n': opt.clients = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 't': opt.transfers = strtoull(optarg, NULL, 10); break;
        case 's': opt.seconds = atof(optarg); break;
        case 'c': opt.cut = atof(optarg); break;
        case 'l': opt.limit = atof(optarg); break;
        case 'r': opt.retry = atof(optarg); break;
        case 'g': opt.linger = atof(optarg); break;
        case 'b': opt.blksize = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'w': opt.window = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'L': opt.loss = atof(optarg); break;
        case 'S': opt.seed = strtoull(optarg, NULL, 10); break;
        case 'T': opt.tsize = 0; break;
        case 'G': opt.gro = 0; break;
        case 'h': opt.half_open = 1; break;
        default: exit(2);
        }
    }
    retry_ns = (uint64_t)(opt.retry * 1e9);
    if (!opt.n_files || !opt.clients || opt.clients > TRANSFERS_MAX
        || opt.transfers > TRANSFERS_MAX || opt.blksize < 8 || opt.blksize > 65464
        || opt.window < 1 || opt.window > 65535 || opt.loss < 0 || opt.loss >= 1) {
        fputs("load: an option is missing or out of range\n", stderr);
        exit(2);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    set_up();
    double cpu = cpu_seconds();
    uint64_t start = last_end = now = clock_ns();
    if (opt.half_open)
        run_half_open(start);
    else
        run_transfers(start);
    cpu = cpu_seconds() - cpu - idle;
    if (opt.linger > 0)
        run_linger();
    report(start, cpu);
    return 0;
}
