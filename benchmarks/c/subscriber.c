/* The limit: what a C program over hiredis takes to hear, check and store heartbeats.
 *
 *     subscriber --port P --services N [--warm W] [--beats M]
 *
 * Prints "ready" once subscribed to svc_0:heartbeat ... , "warm" when W beats were heard, and after M more one line of
 * JSON: beats, first and last (CLOCK_MONOTONIC seconds of the first and the last read), cpu_sec between the two, lost
 * (gaps in i), odd (what is no heartbeat of its channel).
 *
 * hiredis' reader is given functions of our own instead of building replies that would be freed at once, and reads are
 * as long as hiredis' own: its reader moves what is left in the buffer after each kilobyte, so longer ones cost more.
 */
#include <hiredis/hiredis.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/resource.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#include "beat.h"

#define CHUNK 1000
#define NAME_BYTES 32
#define SUFFIX ":heartbeat"

struct service {
    char name[NAME_BYTES];
    size_t len;
    double heard;
    double sent;
    uint64_t i;
    uint64_t boot;
};

struct monitor {
    struct service *services;
    uint32_t *slots; /* index + 1, or 0 */
    uint64_t mask;
    struct service *current;
    bool message;
    long confirmed;
    long beats;
    long lost;
    long odd;
    double now;
};

struct options {
    int port;
    long services, warm, beats;
    size_t read_bytes;
};

static void die(const char *what)
{
    fprintf(stderr, "subscriber: %s\n", what);
    exit(1);
}

static double monotonic(void)
{
    struct timespec t;
    clock_gettime(CLOCK_MONOTONIC, &t);
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double seconds(struct timeval t)
{
    return (double)t.tv_sec + (double)t.tv_usec / 1e6;
}

static double cpu(void)
{
    struct rusage used;
    getrusage(RUSAGE_SELF, &used);
    return seconds(used.ru_utime) + seconds(used.ru_stime);
}

static void watch(struct monitor *m, long count)
{
    uint64_t size = 1;
    while (size < 2 * (uint64_t)count)
        size *= 2;
    m->mask = size - 1;
    m->slots = calloc(size, sizeof *m->slots);
    m->services = calloc((size_t)count, sizeof *m->services);
    if (!m->slots || !m->services)
        die("no memory");
    for (long k = 0; k < count; k++) {
        struct service *s = &m->services[k];
        s->len = (size_t)snprintf(s->name, NAME_BYTES, "svc_%ld", k);
        uint64_t slot = hash_bytes(s->name, s->len) & m->mask;
        while (m->slots[slot])
            slot = (slot + 1) & m->mask;
        m->slots[slot] = (uint32_t)k + 1;
    }
}

static struct service *find(const struct monitor *m, const char *channel, size_t len)
{
    const size_t suffix = sizeof SUFFIX - 1;
    if (len <= suffix)
        return NULL;
    len -= suffix;
    for (uint64_t slot = hash_bytes(channel, len) & m->mask; m->slots[slot]; slot = (slot + 1) & m->mask) {
        struct service *s = &m->services[m->slots[slot] - 1];
        if (s->len == len && !memcmp(s->name, channel, len))
            return s;
    }
    return NULL;
}

static void hear(struct monitor *m, const char *json, size_t len)
{
    struct beat beat;
    struct service *s = m->current;
    m->beats++;
    if (!s || !beat_read(json, len, &beat) || beat.svc_len != s->len || memcmp(beat.svc, s->name, s->len)) {
        m->odd++;
        return;
    }
    if (beat.boot == s->boot && beat.i > s->i + 1)
        m->lost += (long)(beat.i - s->i - 1);
    s->heard = m->now;
    s->sent = beat.ts;
    s->i = beat.i;
    s->boot = beat.boot;
}

/* What hiredis calls for each element: kind, channel, payload. The bytes are its buffer's, and valid in here only. */
static void *on_string(const redisReadTask *task, char *bytes, size_t len)
{
    struct monitor *m = task->privdata;
    if (!task->parent)
        die(bytes); /* an error: all else that is said to a subscriber are arrays */
    if (task->idx == 0)
        m->message = len == 7 && !memcmp(bytes, "message", 7);
    else if (task->idx == 1 && m->message)
        m->current = find(m, bytes, len);
    else if (task->idx == 2 && m->message)
        hear(m, bytes, len);
    return m;
}

static void *on_integer(const redisReadTask *task, long long value)
{
    struct monitor *m = task->privdata;
    (void)value;
    m->confirmed++;
    return m;
}

static void *on_nil(const redisReadTask *task)
{
    return task->privdata;
}

/* hiredis 1.0 made the number of elements a size_t; the function takes whichever this one is compiled against. */
#if HIREDIS_MAJOR >= 1
static void *on_array(const redisReadTask *task, size_t elements)
#else
static void *on_array(const redisReadTask *task, int elements)
#endif
{
    (void)elements;
    return task->privdata;
}

static void on_free(void *reply)
{
    (void)reply;
}

static redisReplyObjectFunctions functions = {
    .createString = on_string,
    .createArray = on_array,
    .createInteger = on_integer,
    .createNil = on_nil,
    .freeObject = on_free,
};

static void read_some(redisContext *link, struct monitor *m, size_t size)
{
    static char buffer[1 << 20];
    void *reply;
    ssize_t got = read(link->fd, buffer, size);
    if (got <= 0)
        die("the server ended the connection");
    m->now = monotonic();
    redisReaderFeed(link->reader, buffer, (size_t)got);
    do {
        if (redisReaderGetReply(link->reader, &reply) != REDIS_OK)
            die(link->reader->errstr);
    } while (reply);
}

static void subscribe(redisContext *link, struct monitor *m, const struct options *o)
{
    static char channels[CHUNK][NAME_BYTES + sizeof SUFFIX];
    const char *words[CHUNK + 1] = {"SUBSCRIBE"};
    for (long start = 0; start < o->services; start += CHUNK) {
        char *command;
        int count = 0;
        for (; count < CHUNK && start + count < o->services; count++) {
            snprintf(channels[count], sizeof channels[count], "%s" SUFFIX, m->services[start + count].name);
            words[count + 1] = channels[count];
        }
        int len = redisFormatCommandArgv(&command, count + 1, words, NULL);
        for (int sent = 0; sent < len;) {
            ssize_t wrote = write(link->fd, command + sent, (size_t)(len - sent));
            if (wrote <= 0)
                die("the server takes no subscription");
            sent += (int)wrote;
        }
        redisFreeCommand(command);
        while (m->confirmed < start + count)
            read_some(link, m, o->read_bytes);
    }
}

static struct options parse(int argc, char **argv)
{
    struct options o = {.beats = 1, .read_bytes = 16384};
    for (int k = 1; k + 1 < argc; k += 2) {
        long value = atol(argv[k + 1]);
        if (!strcmp(argv[k], "--port"))
            o.port = (int)value;
        else if (!strcmp(argv[k], "--services"))
            o.services = value;
        else if (!strcmp(argv[k], "--warm"))
            o.warm = value;
        else if (!strcmp(argv[k], "--beats"))
            o.beats = value;
        else if (!strcmp(argv[k], "--read-bytes"))
            o.read_bytes = (size_t)value;
        else
            die("unknown option");
    }
    if (!o.port || !o.services || o.read_bytes > 1 << 20)
        die("needs --port and --services; --read-bytes is at most a MiB");
    return o;
}

int main(int argc, char **argv)
{
    struct options o = parse(argc, argv);
    struct monitor m = {0};
    redisContext *link = redisConnect("127.0.0.1", o.port);
    if (!link || link->err)
        die("cannot connect");
    link->reader->fn = &functions;
    link->reader->privdata = &m;
    link->reader->maxbuf = 0; /* keep the buffer from one read to the next */
    watch(&m, o.services);
    subscribe(link, &m, &o);
    puts("ready");
    fflush(stdout);
    while (m.beats < o.warm)
        read_some(link, &m, o.read_bytes);
    puts("warm");
    fflush(stdout);
    m.beats = 0;
    read_some(link, &m, o.read_bytes);
    double first = m.now, cpu_first = cpu();
    while (m.beats < o.beats)
        read_some(link, &m, o.read_bytes);
    printf("{\"beats\":%ld,\"first\":%.6f,\"last\":%.6f,\"cpu_sec\":%.6f,\"lost\":%ld,\"odd\":%ld}\n", m.beats, first,
           m.now, cpu() - cpu_first, m.lost, m.odd);
    return 0;
}
