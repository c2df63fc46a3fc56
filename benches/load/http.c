/* N HTTP readers in one thread, cheaper than the servers that they load.
 *
 * Each client has one connection and asks on it for one thing after the other, as long
 * as the server keeps it. A turn costs one epoll_wait for all that came, and a request
 * one recv and one send. What arrives is compared with the file; of a large file every
 * N-th piece (--compare N), and the rest is counted and thrown away in the kernel
 * (MSG_TRUNC): a client that copied and compared all of it would cost more than the
 * servers, none of which touches the bytes.
 *
 * It never sleeps while it waits: no server has to wake it, as none has to wake a
 * machine at the other end of a cable. The time in which it looked in vain whether
 * something had come is left out of its CPU seconds.
 *
 *     http --port N --file NAME=PATH [--file ...]     clients take turns with files
 *
 *     --clients N       connections at the same time (1)
 *     --requests N      so many and no more; without it, as many as begin within
 *     --seconds S       (1), of which those that still run after
 *     --cut S           (10) are ended by us
 *     --limit S         after it requests that still run have failed (60)
 *     --range N         ask for N bytes from a random multiple of 512; 0: for all
 *     --compare N       compare one of N pieces (1: all)
 *     --rate N          bytes a second that each client takes (0: all it can get)
 *     --seed N          which ranges (0)
 *     --tls             speak TLS, and believe any certificate
 *     --fresh           a connection for each request
 *     --resume          as --fresh, in the TLS session of the connection before
 *     --idle N          first N connections that asked once and are kept
 *     --stalled N       first N connections that asked and read nothing
 *     --slow N          first N connections that send a head, a byte a second
 *     --hold            say "ready" then, and wait for a line before the load begins
 *
 * Prints one JSON object, and ends with 0 however the requests ended.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <getopt.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <openssl/err.h>
#include <openssl/ssl.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <strings.h>
#include <sys/epoll.h>
#include <sys/mman.h>
#include <sys/resource.h>
#include <sys/socket.h>
#include <sys/stat.h>
#include <time.h>
#include <unistd.h>

#define FILES_MAX 256
#define EVENTS 256
#define PIECE (256 << 10)  /* bytes of a large answer that are taken at once */
#define FIRST (16 << 10)   /* bytes of an answer's beginning */
#define HEAD_MAX 4096
#define PIECES 4           /* taken from one connection before others have their turn */
#define LOOKS 100          /* in vain, before the time is looked at */
#define SLICE_NS 100000000ull /* how often a client with a rate takes what it may */
#define SHAKE_NS 1000000ull /* how often it looks how far its handshake is */
#define SECOND 1000000000ull

enum state { CLOSED, CONNECTING, HEAD, BODY, RESTING };

struct file {
    const char *name;
    const uint8_t *bytes;
    uint64_t size;
};

struct client {
    int fd;
    uint8_t state;
    uint8_t closes;    /* the server said so */
    uint8_t timed;     /* its requests' times count */
    uint32_t turn, piece; /* which file is next, which piece of it this is */
    uint64_t from, size, got; /* the part that was asked for, and how much is there */
    uint64_t began, takes; /* when the request began; when a client with a rate reads */
    uint64_t requests;
    const struct file *file;
    SSL *tls;
    SSL_SESSION *session; /* of the connection before */
    uint32_t n_head;
    char *head;        /* what came of a head that was split */
};

static struct {
    struct sockaddr_in server;
    struct file files[FILES_MAX];
    int n_files, hold, tls, fresh, resume;
    uint32_t clients, idle, stalled, slow;
    uint64_t requests, range, compare, rate, seed;
    double seconds, cut, limit;
} opt = {.clients = 1, .compare = 1, .seconds = 1, .cut = 10, .limit = 60};

static struct {
    uint64_t bytes, compared, completed, failed, cut, connections, resumed, slowest;
    double latency;
    char error[128];
} count;

static struct client *clients;
static int poller;
static uint64_t now, start, last_end, begun, chance;
static double vain; /* seconds spent looking in vain whether something came */
static uint8_t *piece;
static SSL_CTX *tls_context;

static void die(const char *what)
{
    fprintf(stderr, "http: %s: %s\n", what, strerror(errno));
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
    clock_gettime(CLOCK_THREAD_CPUTIME_ID, &t);
    return (double)t.tv_sec + (double)t.tv_nsec * 1e-9;
}

static uint64_t next_chance(void) /* splitmix64 */
{
    uint64_t z = chance += 0x9e3779b97f4a7c15ull;
    z = (z ^ z >> 30) * 0xbf58476d1ce4e5b9ull;
    z = (z ^ z >> 27) * 0x94d049bb133111ebull;
    return z ^ z >> 31;
}

/* ---- connections ---- */

/* Say goodbye and keep the session, as clients do that mean to come back. */
static void take_leave(struct client *c)
{
    SSL_SESSION *session = opt.resume ? SSL_get1_session(c->tls) : NULL;
    if (session && SSL_SESSION_is_resumable(session)) {
        SSL_SESSION_free(c->session);
        c->session = session;
    } else
        SSL_SESSION_free(session);
    if (SSL_is_init_finished(c->tls))
        SSL_shutdown(c->tls);
}

static void close_client(struct client *c)
{
    if (c->tls && opt.fresh)
        take_leave(c);
    if (c->tls)
        SSL_free(c->tls);
    c->tls = NULL;
    if (c->state != CLOSED)
        close(c->fd);
    c->state = CLOSED;
    c->n_head = 0;
}

static void fail(struct client *c, const char *why)
{
    if (!count.failed++)
        snprintf(count.error, sizeof count.error, "%s", why);
    last_end = now;
    close_client(c);
}

static void open_client(struct client *c)
{
    int one = 1;
    c->fd = socket(AF_INET, SOCK_STREAM | SOCK_CLOEXEC, 0);
    if (c->fd < 0)
        die("socket");
    /* Blocking until it stands: on loopback that takes no time. */
    if (connect(c->fd, (struct sockaddr *)&opt.server, sizeof opt.server))
        die("connect");
    setsockopt(c->fd, IPPROTO_TCP, TCP_NODELAY, &one, sizeof one);
    count.connections++;
    c->state = RESTING;
    c->closes = 0;
    if (opt.tls) {
        c->tls = SSL_new(tls_context);
        SSL_set_fd(c->tls, c->fd);
        SSL_set_connect_state(c->tls);
        if (c->session)
            SSL_set_session(c->tls, c->session);
    }
    fcntl(c->fd, F_SETFL, O_NONBLOCK);
    struct epoll_event event = {.events = EPOLLIN, .data.ptr = c};
    if (epoll_ctl(poller, EPOLL_CTL_ADD, c->fd, &event))
        die("epoll_ctl");
}

/* As recv and send; -1 with EAGAIN where nothing is there yet. */
static ssize_t take(struct client *c, void *to, size_t most, int flags)
{
    if (!c->tls)
        return recv(c->fd, to, most, flags);
    ERR_clear_error();
    int n = SSL_read(c->tls, to, (int)most);
    if (n > 0)
        return n;
    int why = SSL_get_error(c->tls, n);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return errno = EAGAIN, -1;
    return why == SSL_ERROR_ZERO_RETURN ? 0 : (errno = EPROTO, -1);
}

static int give(struct client *c, const char *data, size_t size)
{
    if (!c->tls)
        return send(c->fd, data, size, MSG_NOSIGNAL) == (ssize_t)size;
    /* The first write shakes hands; both sides run at once, so wait for it. */
    for (;;) {
        ERR_clear_error();
        int n = SSL_write(c->tls, data, (int)size);
        if (n > 0)
            return n == (int)size;
        int why = SSL_get_error(c->tls, n);
        if (why != SSL_ERROR_WANT_READ && why != SSL_ERROR_WANT_WRITE)
            return 0;
    }
}

static void ask(struct client *c)
{
    char head[512];
    int size;
    c->file = opt.files + c->turn++ % (uint32_t)opt.n_files;
    c->from = 0;
    c->size = c->file->size;
    if (opt.range && opt.range < c->size) {
        uint64_t places = (c->size - opt.range) / 512 + 1;
        c->from = next_chance() % places * 512;
        c->size = opt.range;
        size = snprintf(head, sizeof head,
                        "GET /%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: iPXE/1.21.1\r\n"
                        "Connection: keep-alive\r\nRange: bytes=%lu-%lu\r\n\r\n",
                        c->file->name, c->from, c->from + c->size - 1);
    } else
        size = snprintf(head, sizeof head,
                        "GET /%s HTTP/1.1\r\nHost: 127.0.0.1\r\nUser-Agent: iPXE/1.21.1\r\n"
                        "Connection: keep-alive\r\n\r\n",
                        c->file->name);
    c->began = clock_ns();
    c->got = 0;
    c->state = HEAD;
    if (!give(c, head, (size_t)size))
        fail(c, "a request could not be sent");
}

/* Go on with a handshake, and ask once it is done. */
static void shake(struct client *c)
{
    ERR_clear_error();
    int n = SSL_do_handshake(c->tls);
    int why = n > 0 ? SSL_ERROR_NONE : SSL_get_error(c->tls, n);
    if (why == SSL_ERROR_WANT_READ || why == SSL_ERROR_WANT_WRITE)
        return;
    if (why != SSL_ERROR_NONE) {
        fail(c, "no TLS handshake");
        return;
    }
    uint64_t began = c->began;
    count.resumed += (uint64_t)SSL_session_reused(c->tls);
    ask(c);
    c->began = began; /* the handshake counts as well */
}

/* What a client does next; 0: nothing, the load is over for it. */
static int go_on(struct client *c)
{
    if (opt.requests ? begun >= opt.requests : now - start >= (uint64_t)(opt.seconds * 1e9)) {
        close_client(c);
        return 0;
    }
    if (c->state == CLOSED)
        open_client(c);
    begun++;
    if (c->tls && !SSL_is_init_finished(c->tls)) {
        c->state = CONNECTING;
        c->began = clock_ns();
        shake(c);
    } else
        ask(c);
    return 1;
}

/* ---- answers ---- */

static const char *field(const char *head, const char *end, const char *name)
{
    size_t size = strlen(name);
    for (const char *line = head; (line = memchr(line, '\n', (size_t)(end - line)));) {
        line++;
        if ((size_t)(end - line) > size && !strncasecmp(line, name, size))
            return line + size + strspn(line + size, " ");
    }
    return NULL;
}

/* Read a head; its size, 0 where more is to come, -1 where it is wrong. */
static int read_head(struct client *c, const char *data, size_t n)
{
    const char *stop = memmem(data, n, "\r\n\r\n", 4);
    if (!stop)
        return n < HEAD_MAX ? 0 : (fail(c, "a head without an end"), -1);
    const char *end = stop + 2;
    int wanted = c->size < c->file->size ? 206 : 200;
    if (n < 12 || atoi(data + 9) != wanted) {
        char why[64];
        snprintf(why, sizeof why, "status %.3s in place of %d", data + 9, wanted);
        return fail(c, why), -1;
    }
    const char *length = field(data, end, "content-length:");
    if (!length)
        return fail(c, "no Content-Length"), -1;
    if (strtoull(length, NULL, 10) != c->size)
        return fail(c, "another Content-Length"), -1;
    const char *connection = field(data, end, "connection:");
    c->closes = (connection && !strncasecmp(connection, "close", 5))
        || (data[7] == '0' && !(connection && !strncasecmp(connection, "keep", 4)));
    c->state = BODY;
    return (int)(stop + 4 - data);
}

static int compare(struct client *c, const uint8_t *data, size_t n)
{
    if (c->got + n > c->size)
        return fail(c, "more bytes than the answer has"), 0;
    if (memcmp(data, c->file->bytes + c->from + c->got, n))
        return fail(c, "wrong bytes"), 0;
    count.compared += n;
    c->got += n;
    return 1;
}

/* Whether an answer's beginning is right; takes what is there of the body, too. */
static int begin_answer(struct client *c, uint8_t *data, size_t n)
{
    int size;
    if (c->n_head) { /* the rest of a head that came in pieces */
        if (c->n_head + n > HEAD_MAX + FIRST)
            return fail(c, "a head without an end"), 0;
        memcpy(c->head + c->n_head, data, n);
        n += c->n_head;
        memcpy(data, c->head, n);
        c->n_head = 0;
    }
    size = read_head(c, (char *)data, n);
    if (size < 0)
        return 0;
    if (size == 0) {
        if (!c->head && !(c->head = malloc(HEAD_MAX + FIRST)))
            die("malloc");
        memcpy(c->head, data, n);
        c->n_head = (uint32_t)n;
        return 1;
    }
    return compare(c, data + size, n - (size_t)size);
}

static void complete(struct client *c)
{
    double took = (double)(now - c->began) * 1e-9;
    count.completed++;
    c->requests++;
    last_end = now;
    if (c->timed) {
        count.latency += took;
        if (now - c->began > count.slowest)
            count.slowest = now - c->began;
    }
    c->state = RESTING;
    if (c->closes || opt.fresh)
        close_client(c);
}

/* Take what came, `most` bytes; 0: nothing is there, or the answer is over. */
static size_t receive(struct client *c, uint64_t most)
{
    ssize_t n;
    int whole = c->state == HEAD;
    if (whole) {
        n = take(c, piece, most < FIRST ? most : FIRST, 0);
    } else {
        uint64_t left = c->size - c->got;
        size_t size = (size_t)(left < PIECE ? left : PIECE);
        whole = c->piece++ % opt.compare == 0 || c->tls;
        n = take(c, piece, size < most ? size : most, whole ? 0 : MSG_TRUNC);
    }
    if (n < 0 && (errno == EAGAIN || errno == EINTR))
        return 0;
    if (n <= 0) {
        if (c->state == HEAD && !c->n_head && c->requests && n == 0) {
            /* It closed the connection as our request came: ask again on another. */
            c->requests = 0;
            close_client(c);
            open_client(c);
            c->turn--;
            ask(c);
            return 0;
        }
        fail(c, n ? strerror(errno) : "the connection ended early");
        return 0;
    }
    count.bytes += (uint64_t)n;
    if (c->state == HEAD) {
        if (!begin_answer(c, piece, (size_t)n))
            return 0;
    } else if (whole) {
        if (!compare(c, piece, (size_t)n))
            return 0;
    } else
        c->got += (uint64_t)n;
    if (c->state == BODY && c->got == c->size) {
        complete(c);
        return 0;
    }
    return (size_t)n;
}

/* ---- loads ---- */

static int wait_for(struct epoll_event *events, int milliseconds)
{
    double before = -1;
    for (int looks = 0;; looks++) {
        int n = epoll_wait(poller, events, EVENTS, milliseconds);
        if (n < 0 && errno != EINTR)
            die("epoll_wait");
        now = clock_ns();
        if (n > 0 || milliseconds || looks == LOOKS) {
            if (before >= 0)
                vain += cpu_seconds() - before;
            return n < 0 ? 0 : n;
        }
        if (before < 0)
            before = cpu_seconds();
    }
}

static void end_rest(const char *why)
{
    for (uint32_t n = 0; n < opt.clients; n++) {
        if (clients[n].state == CLOSED)
            continue;
        if (why && clients[n].state != RESTING)
            fail(clients + n, why);
        else {
            count.cut += clients[n].state != RESTING;
            last_end = now;
            close_client(clients + n);
        }
    }
}

static int over(void)
{
    if (now - start > (uint64_t)(opt.limit * 1e9))
        return end_rest("time was up"), 1;
    if (!opt.requests && now - start > (uint64_t)(opt.cut * 1e9))
        return end_rest(NULL), 1;
    return 0;
}

static uint32_t serve_ready(int milliseconds)
{
    struct epoll_event events[EVENTS];
    uint32_t ended = 0;
    int n = wait_for(events, milliseconds);
    for (int i = 0; i < n; i++) {
        struct client *c = events[i].data.ptr;
        if (c < clients || c >= clients + opt.clients) { /* one of the background */
            struct epoll_event none = {0};
            epoll_ctl(poller, EPOLL_CTL_DEL, c->fd, &none);
            continue;
        }
        if (c->state == CONNECTING)
            shake(c);
        /* What OpenSSL holds back, epoll does not know of. */
        for (int n = 0; (n < PIECES || c->tls) && c->state > CONNECTING && receive(c, UINT64_MAX); n++)
            ;
        now = clock_ns();
        if (c->state == RESTING || (c->state == CLOSED))
            ended += !go_on(c);
    }
    return ended;
}

static void run(void)
{
    uint32_t left = 0;
    for (uint32_t n = 0; n < opt.clients; n++) {
        clients[n].turn = n;
        clients[n].timed = 1;
        left += (uint32_t)go_on(clients + n);
    }
    while (left && !over())
        left -= serve_ready(0);
}

/* Each client takes what its rate allows, a tenth of a second's worth at a time. */
static void run_at_rate(void)
{
    uint32_t left = 0;
    for (uint32_t n = 0; n < opt.clients; n++) {
        left += (uint32_t)go_on(clients + n);
        clients[n].takes = now + SLICE_NS * n / opt.clients;
    }
    while (left && !over()) {
        int late = 0;
        now = clock_ns();
        for (uint32_t n = 0; n < opt.clients; n++) {
            struct client *c = clients + n;
            if (c->state == CLOSED || c->takes > now)
                continue;
            late = 1;
            if (c->state == CONNECTING) {
                shake(c);
                c->takes = now + SHAKE_NS;
                left -= c->state == CLOSED && !go_on(c);
                continue;
            }
            c->takes += SLICE_NS;
            uint64_t most = opt.rate / (SECOND / SLICE_NS);
            for (size_t got; most && (got = receive(c, most)); most -= got)
                ;
            now = clock_ns();
            if (c->state == RESTING || c->state == CLOSED)
                left -= !go_on(c);
        }
        if (!late)
            nanosleep(&(struct timespec){.tv_nsec = 1000000}, NULL);
    }
}

/* ---- the background: connections that are there while others ask ---- */

static struct client *background;

static void set_up_background(void)
{
    uint32_t n, all = opt.idle + opt.stalled + opt.slow;
    background = calloc(all + 1, sizeof *background);
    if (!background)
        die("calloc");
    for (n = 0; n < all; n++) {
        struct client *c = background + n;
        int narrow = 4096;
        open_client(c);
        epoll_ctl(poller, EPOLL_CTL_DEL, c->fd, NULL);
        c->turn = opt.n_files > 1 && n >= opt.idle ? 0 : n;
        if (n >= opt.idle + opt.stalled) {
            if (!give(c, "G", 1))
                die("send");
            continue;
        }
        if (n >= opt.idle)
            setsockopt(c->fd, SOL_SOCKET, SO_RCVBUF, &narrow, sizeof narrow);
        ask(c);
        if (n >= opt.idle)
            continue;
        fcntl(c->fd, F_SETFL, 0);
        while (c->state == HEAD || c->state == BODY)
            receive(c, UINT64_MAX);
        if (count.failed)
            return;
    }
}

static void dribble(void)
{
    static uint64_t last;
    if (!opt.slow || now - last < SECOND)
        return;
    last = now;
    for (uint32_t n = 0; n < opt.slow; n++) {
        struct client *c = background + opt.idle + opt.stalled + n;
        if (c->state != CLOSED && send(c->fd, "x", 1, MSG_NOSIGNAL) < 0)
            close_client(c);
    }
}

/* One request after the other, each on a connection of its own, beside the rest. */
static void run_beside(void)
{
    uint64_t wanted = opt.requests ? opt.requests : 100;
    opt.clients = 1;
    for (uint64_t n = 0; n < wanted && !count.failed; n++) {
        struct client *c = clients;
        uint64_t began;
        dribble();
        now = began = clock_ns();
        open_client(c);
        c->timed = 1;
        c->turn = (uint32_t)opt.n_files - 1; /* the last file: of a stall, a small one */
        ask(c);
        c->began = began; /* the time to be let in counts as well */
        while ((c->state == HEAD || c->state == BODY) && !over()) {
            struct epoll_event events[1];
            if (wait_for(events, 0))
                receive(c, UINT64_MAX);
        }
        close_client(c);
        nanosleep(&(struct timespec){.tv_nsec = 10000000}, NULL);
    }
}

static void hold(void)
{
    char line[16];
    puts("ready");
    fflush(stdout);
    if (!fgets(line, sizeof line, stdin))
        exit(2);
}

/* ---- the command line ---- */

static void report(double cpu)
{
    double seconds = (double)(last_end - start) * 1e-9;
    uint64_t done = count.completed ? count.completed : 1;
    seconds = seconds > 0 ? seconds : 1e-9;
    printf("{\"seconds\": %.6f, \"cpu_seconds\": %.6f, \"bytes\": %lu, ", seconds, cpu,
           count.bytes);
    printf("\"compared\": %lu, \"completed\": %lu, \"failed\": %lu, \"cut\": %lu, ",
           count.compared, count.completed, count.failed, count.cut);
    printf("\"connections\": %lu, \"resumed\": %lu, \"mb_per_s\": %.3f, \"requests_per_s\": %.3f, ",
           count.connections, count.resumed, (double)count.bytes / seconds / 1e6,
           (double)count.completed / seconds);
    printf("\"latency\": %.6f, \"latency_max\": %.6f, \"error\": \"%s\"}\n",
           count.latency / (double)done, (double)count.slowest * 1e-9, count.error);
}

static void add_file(char *argument)
{
    char *path = strchr(argument, '=');
    struct file *file = opt.files + opt.n_files++;
    struct stat st;
    if (!path || opt.n_files > FILES_MAX)
        die("--file NAME=PATH");
    *path++ = 0;
    int fd = open(path, O_RDONLY | O_CLOEXEC);
    if (fd < 0 || fstat(fd, &st))
        die(path);
    file->name = argument;
    file->size = (uint64_t)st.st_size;
    file->bytes = mmap(NULL, file->size + !file->size, PROT_READ,
                       MAP_PRIVATE | MAP_POPULATE, fd, 0);
    if (file->bytes == MAP_FAILED)
        die(path);
    close(fd);
}

static const struct option LONG[] = {
    {"port", 1, 0, 'p'}, {"file", 1, 0, 'f'}, {"clients", 1, 0, 'n'},
    {"requests", 1, 0, 't'}, {"seconds", 1, 0, 's'}, {"cut", 1, 0, 'c'},
    {"limit", 1, 0, 'l'}, {"range", 1, 0, 'r'}, {"compare", 1, 0, 'C'},
    {"rate", 1, 0, 'R'}, {"seed", 1, 0, 'S'}, {"tls", 0, 0, 'T'}, {"fresh", 0, 0, 'F'},
    {"resume", 0, 0, 'U'}, {"idle", 1, 0, 'i'},
    {"stalled", 1, 0, 'd'}, {"slow", 1, 0, 'w'}, {"hold", 0, 0, 'h'}, {0},
};

static void parse(int argc, char **argv)
{
    opt.server.sin_family = AF_INET;
    opt.server.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    for (int c; (c = getopt_long(argc, argv, "", LONG, NULL)) != -1;) {
        switch (c) {
        case 'p': opt.server.sin_port = htons((uint16_t)atoi(optarg)); break;
        case 'f': add_file(optarg); break;
        case 'n': opt.clients = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 't': opt.requests = strtoull(optarg, NULL, 10); break;
        case 's': opt.seconds = atof(optarg); break;
        case 'c': opt.cut = atof(optarg); break;
        case 'l': opt.limit = atof(optarg); break;
        case 'r': opt.range = strtoull(optarg, NULL, 10); break;
        case 'C': opt.compare = strtoull(optarg, NULL, 10); break;
        case 'R': opt.rate = strtoull(optarg, NULL, 10); break;
        case 'S': opt.seed = strtoull(optarg, NULL, 10); break;
        case 'T': opt.tls = 1; break;
        case 'F': opt.fresh = 1; break;
        case 'U': opt.fresh = opt.resume = 1; break;
        case 'i': opt.idle = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'd': opt.stalled = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'w': opt.slow = (uint32_t)strtoul(optarg, NULL, 10); break;
        case 'h': opt.hold = 1; break;
        default: exit(2);
        }
    }
    if (!opt.n_files || !opt.clients || !opt.compare) {
        fputs("http: an option is missing or out of range\n", stderr);
        exit(2);
    }
}

static void set_up(void)
{
    struct rlimit files;
    getrlimit(RLIMIT_NOFILE, &files);
    files.rlim_cur = files.rlim_max;
    setrlimit(RLIMIT_NOFILE, &files);
    chance = opt.seed;
    poller = epoll_create1(EPOLL_CLOEXEC);
    clients = calloc(opt.clients, sizeof *clients);
    piece = malloc(PIECE + HEAD_MAX + FIRST);
    if (poller < 0 || !clients || !piece)
        die("set-up");
    if (opt.tls) {
        tls_context = SSL_CTX_new(TLS_client_method());
        SSL_CTX_set_verify(tls_context, SSL_VERIFY_NONE, NULL);
        SSL_CTX_set_mode(tls_context, SSL_MODE_ENABLE_PARTIAL_WRITE);
    }
}

int main(int argc, char **argv)
{
    parse(argc, argv);
    set_up();
    uint32_t beside = opt.idle + opt.stalled + opt.slow;
    start = last_end = now = clock_ns();
    if (beside)
        set_up_background();
    if (opt.hold)
        hold();
    if (!count.failed)
        memset(&count, 0, sizeof count);
    double cpu = cpu_seconds();
    vain = 0;
    start = last_end = now = clock_ns();
    if (beside)
        run_beside();
    else if (opt.rate)
        run_at_rate();
    else
        run();
    report(cpu_seconds() - cpu - vain);
    return 0;
}
