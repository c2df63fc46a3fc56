/* About what the kernel alone costs a TFTP server: the least loop that feeds a reader.
 *
 *     yardstick PORT FOLDER
 *
 * No option is checked, nothing is lost, forgotten or timed, every reader has an
 * address of its own and nobody means harm. An ACK brings the next blocks from an image
 * of the file that was framed in advance: one recvmmsg and one sendmmsg a batch; a
 * window of several blocks is one message with UDP_SEGMENT in it. Nobody does less for a
 * packet; with more packets a system call, because it looks later, one may cost less. It
 * is no server, and listens on loopback only.
 */

#define _GNU_SOURCE
#include <arpa/inet.h>
#include <netinet/in.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>

#ifndef SOL_UDP
#define SOL_UDP 17
#endif
#ifndef UDP_SEGMENT
#define UDP_SEGMENT 103
#endif

#define BATCH 64
#define OUT (BATCH * 16)     /* messages for a batch of ACKs */
#define SEGMENTS_MAX 64      /* UDP_MAX_SEGMENTS of older kernels */
#define DATAGRAM_MAX 65507
#define READERS (1 << 20)    /* by the low bits of their addresses */

struct image {
    char name[256];
    unsigned blksize;
    uint64_t blocks, size; /* size: with headers */
    uint8_t *frames;
    struct image *next;
};

struct reader {
    struct image *image;
    uint64_t acked;
    unsigned window;
};

static struct reader readers[READERS];
static struct image *images;
static const char *folder;

static struct mmsghdr in[BATCH], out[OUT];
static struct sockaddr_in from[BATCH];
static struct iovec in_iov[BATCH], out_iov[OUT];
static uint8_t bytes[BATCH][512], oacks[BATCH][128];
static _Alignas(struct cmsghdr) char control[OUT][CMSG_SPACE(sizeof(uint16_t))];
static int sock, n_out;

static void flush(void)
{
    for (int sent = 0, n; sent < n_out; sent += n > 0 ? n : 1)
        n = sendmmsg(sock, out + sent, n_out - sent, 0);
    n_out = 0;
}

static void add(int i, const uint8_t *data, size_t size, unsigned segment)
{
    if (n_out == OUT)
        flush();
    struct msghdr *head = &out[n_out].msg_hdr;
    head->msg_name = &from[i];
    head->msg_namelen = sizeof from[i];
    head->msg_iov = &out_iov[n_out];
    head->msg_iovlen = 1;
    out_iov[n_out] = (struct iovec){(void *)data, size};
    head->msg_control = NULL;
    head->msg_controllen = 0;
    if (size > segment) {
        struct cmsghdr *c = (struct cmsghdr *)control[n_out];
        head->msg_control = c;
        head->msg_controllen = sizeof control[0];
        c->cmsg_level = SOL_UDP;
        c->cmsg_type = UDP_SEGMENT;
        c->cmsg_len = CMSG_LEN(sizeof(uint16_t));
        *(uint16_t *)(void *)CMSG_DATA(c) = (uint16_t)segment;
    }
    n_out++;
}

static struct image *frame(const char *name, unsigned blksize)
{
    for (struct image *i = images; i; i = i->next)
        if (i->blksize == blksize && !strcmp(i->name, name))
            return i;
    char path[1024];
    snprintf(path, sizeof path, "%s/%s", folder, name);
    FILE *file = fopen(path, "rb");
    if (!file) {
        perror(path);
        exit(1);
    }
    fseek(file, 0, SEEK_END);
    uint64_t size = (uint64_t)ftell(file);
    rewind(file);
    struct image *image = calloc(1, sizeof *image);
    snprintf(image->name, sizeof image->name, "%s", name);
    image->blksize = blksize;
    image->blocks = size / blksize + 1;
    image->size = size + 4 * image->blocks;
    image->frames = malloc(image->size);
    for (uint64_t block = 0; block < image->blocks; block++) {
        uint8_t *p = image->frames + block * (blksize + 4);
        uint64_t left = size - block * blksize;
        uint8_t head[4] = {0, 3, (uint8_t)((block + 1) >> 8), (uint8_t)(block + 1)};
        memcpy(p, head, 4);
        size_t length = left < blksize ? left : blksize;
        if (fread(p + 4, 1, length, file) != length)
            exit(1);
    }
    fclose(file);
    image->next = images;
    return images = image;
}

static void send_window(int i, struct reader *r)
{
    unsigned segment = r->image->blksize + 4, most = DATAGRAM_MAX / segment;
    uint64_t first = r->acked, last = first + r->window;
    most = most < SEGMENTS_MAX ? most : SEGMENTS_MAX;
    last = last < r->image->blocks ? last : r->image->blocks;
    while (first < last) {
        uint64_t stop = first + most < last ? first + most : last;
        uint64_t at = first * segment, end = stop * segment;
        end = end < r->image->size ? end : r->image->size;
        add(i, r->image->frames + at, end - at, segment);
        first = stop;
    }
}

static void take_request(int i, struct reader *r, char *p, char *stop)
{
    unsigned blksize = 512, window = 1;
    const char *name = p;
    uint8_t *oack = oacks[i];
    size_t size = 2;
    p += strlen(p) + 1; /* the mode */
    p += strlen(p) + 1;
    while (p < stop) {
        char *value = p + strlen(p) + 1;
        if (!strcmp(p, "blksize"))
            blksize = (unsigned)atoi(value);
        if (!strcmp(p, "windowsize"))
            window = (unsigned)atoi(value);
        p = value + strlen(value) + 1;
    }
    *r = (struct reader){.image = frame(name, blksize), .window = window};
    uint64_t file_size = r->image->size - 4 * r->image->blocks;
    size += (size_t)sprintf((char *)oack + size, "tsize%c%lu", 0, file_size) + 1;
    if (blksize != 512)
        size += (size_t)sprintf((char *)oack + size, "blksize%c%u", 0, blksize) + 1;
    if (window != 1)
        size += (size_t)sprintf((char *)oack + size, "windowsize%c%u", 0, window) + 1;
    oack[1] = 6;
    add(i, oack, size, 512);
}

static void take(int i)
{
    struct reader *r = &readers[ntohl(from[i].sin_addr.s_addr) % READERS];
    uint8_t *p = bytes[i];
    if (p[1] == 1)
        take_request(i, r, (char *)p + 2, (char *)p + in[i].msg_len);
    else if (p[1] == 4 && r->image) {
        r->acked += (uint16_t)((p[2] << 8 | p[3]) - (uint16_t)r->acked);
        send_window(i, r);
    }
}

int main(int argc, char **argv)
{
    struct sockaddr_in here = {.sin_family = AF_INET};
    int size = 64 << 20;
    if (argc != 3)
        return 2;
    folder = argv[2];
    here.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    here.sin_port = htons((uint16_t)atoi(argv[1]));
    sock = socket(AF_INET, SOCK_DGRAM, 0);
    if (setsockopt(sock, SOL_SOCKET, SO_RCVBUFFORCE, &size, sizeof size))
        setsockopt(sock, SOL_SOCKET, SO_RCVBUF, &size, sizeof size);
    if (sock < 0 || bind(sock, (void *)&here, sizeof here)) {
        perror("yardstick");
        return 1;
    }
    for (int i = 0; i < BATCH; i++) {
        in_iov[i] = (struct iovec){bytes[i], sizeof bytes[i]};
        in[i].msg_hdr.msg_iov = &in_iov[i];
        in[i].msg_hdr.msg_iovlen = 1;
        in[i].msg_hdr.msg_name = &from[i];
    }
    for (;;) {
        for (int i = 0; i < BATCH; i++)
            in[i].msg_hdr.msg_namelen = sizeof from[i];
        int n = recvmmsg(sock, in, BATCH, MSG_WAITFORONE, NULL);
        for (int i = 0; i < n; i++)
            take(i);
        flush();
    }
}
