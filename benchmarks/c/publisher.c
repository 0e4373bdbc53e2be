/* Publishes heartbeats of svc_0 ... svc_<N-1>, round robin.
 *
 *     publisher burst  --port P --services N --beats M [--batch B]
 *     publisher paced  --port P --services N --beats M --rate R [--kill-every MS --kills K --kill-after MS]
 *     publisher rounds --port P --services N --rounds K --interval MS
 *
 * burst:  batches of B commands, each as soon as the last is answered.
 * paced:  R a second, one by one, each at its own moment. With --kill-every a service of the ring, chosen at random,
 *         falls silent every so many milliseconds, the first after --kill-after, K of them; the others go on.
 * rounds: all services at once, K times, then silence.
 *
 * First a beat of every service (--no-warm leaves it out): prints "warm" and waits for a line of input, so that what is
 * measured is a monitor that knows them all. One that has fallen silent is told by {"svc","last"}, the CLOCK_MONOTONIC
 * seconds at which its last PUBLISH was handed to the kernel. The last line is {"published","unheard","sec"}: unheard
 * are those that reached no subscriber.
 */
#include <arpa/inet.h>
#include <errno.h>
#include <fcntl.h>
#include <netinet/in.h>
#include <netinet/tcp.h>
#include <stdbool.h>
#include <stdint.h>
#include <stdio.h>
#include <stdlib.h>
#include <string.h>
#include <sys/socket.h>
#include <sys/time.h>
#include <time.h>
#include <unistd.h>

#define BEAT_BYTES 320
#define NSEC 1000000000L

struct service {
    double last;
    uint32_t i;
    bool silent;
};

struct options {
    int port;
    long services, beats, batch, rate, kill_every_ms, kill_after_ms, kills, rounds, interval_ms;
    bool warm;
};

struct publisher {
    struct options o;
    struct service *services;
    int link;
    char *out;
    size_t filled;
    long next; /* whose turn it is */
    long published, answered, unheard;
    char answer; /* the digit of an answer whose line was cut, or 0 */
    uint64_t chance;
};

static void die(const char *what)
{
    fprintf(stderr, "publisher: %s\n", what);
    exit(1);
}

static struct timespec clock_of(clockid_t id)
{
    struct timespec t;
    clock_gettime(id, &t);
    return t;
}

static double seconds(struct timespec t)
{
    return (double)t.tv_sec + (double)t.tv_nsec / 1e9;
}

static double monotonic(void)
{
    return seconds(clock_of(CLOCK_MONOTONIC));
}

static void sleep_until(struct timespec moment)
{
    while (clock_nanosleep(CLOCK_MONOTONIC, TIMER_ABSTIME, &moment, NULL) == EINTR)
        ;
}

static struct timespec later(struct timespec t, long nsec)
{
    t.tv_sec += nsec / NSEC;
    t.tv_nsec += nsec % NSEC;
    if (t.tv_nsec >= NSEC) {
        t.tv_nsec -= NSEC;
        t.tv_sec++;
    }
    return t;
}

static char *put_text(char *at, const char *text, size_t len)
{
    memcpy(at, text, len);
    return at + len;
}
#define PUT(at, literal) put_text(at, literal, sizeof literal - 1)

/* printf would be the publisher's greatest cost. */
static char *put_number(char *at, uint64_t value, int width)
{
    char digits[20];
    int count = 0;
    do {
        digits[count++] = (char)('0' + value % 10);
        value /= 10;
    } while (value || count < width);
    while (count)
        *at++ = digits[--count];
    return at;
}

static char *put_boot(char *at, uint64_t k)
{
    uint64_t bits = (k + 1) * 0x9e3779b97f4a7c15u;
    for (int nibble = 0; nibble < 16; nibble++, bits >>= 4)
        *at++ = "0123456789abcdef"[bits & 15];
    return at;
}

static char *put_json(char *at, long k, uint32_t i, struct timespec wall)
{
    at = PUT(at, "{\"svc\":\"svc_");
    at = put_number(at, (uint64_t)k, 1);
    at = PUT(at, "\",\"i\":");
    at = put_number(at, i, 1);
    at = PUT(at, ",\"ts\":");
    at = put_number(at, (uint64_t)wall.tv_sec, 1);
    at = PUT(at, ".");
    at = put_number(at, (uint64_t)wall.tv_nsec / 1000000, 3);
    at = PUT(at, ",\"boot\":\"");
    at = put_boot(at, (uint64_t)k);
    at = PUT(at, "\",\"host\":\"market-1\",\"pid\":");
    at = put_number(at, 1000 + (uint64_t)k % 31000, 1);
    return PUT(at, "}");
}

static char *put_bulk(char *at, const char *text, size_t len)
{
    at = PUT(at, "$");
    at = put_number(at, len, 1);
    at = PUT(at, "\r\n");
    at = put_text(at, text, len);
    return PUT(at, "\r\n");
}

static void add_beat(struct publisher *p, long k, struct timespec wall, double now)
{
    struct service *s = &p->services[k];
    char channel[32], json[BEAT_BYTES], *at = p->out + p->filled, *end;
    s->i++;
    s->last = now;
    end = PUT(put_number(PUT(channel, "svc_"), (uint64_t)k, 1), ":heartbeat");
    at = PUT(at, "*3\r\n$7\r\nPUBLISH\r\n");
    at = put_bulk(at, channel, (size_t)(end - channel));
    end = put_json(json, k, s->i, wall);
    at = put_bulk(at, json, (size_t)(end - json));
    p->filled = (size_t)(at - p->out);
    p->published++;
}

static void send_all(struct publisher *p)
{
    for (size_t sent = 0; sent < p->filled;) {
        ssize_t wrote = write(p->link, p->out + sent, p->filled - sent);
        if (wrote <= 0)
            die("the server takes no more");
        sent += (size_t)wrote;
    }
    p->filled = 0;
}

/* Answers are ":<subscribers>\r\n". */
static void read_answers(struct publisher *p, int flags)
{
    char bytes[1 << 16];
    ssize_t got = recv(p->link, bytes, sizeof bytes, flags);
    if (got == 0 || (got < 0 && errno != EAGAIN))
        die("the server ended the connection");
    for (ssize_t k = 0; k < got; k++) {
        if (bytes[k] == '-')
            die("the server refuses a beat");
        if (bytes[k] >= '0' && bytes[k] <= '9')
            p->answer = bytes[k];
        if (bytes[k] == '\n') {
            p->answered++;
            p->unheard += p->answer == '0';
        }
    }
}

static void catch_up(struct publisher *p)
{
    while (p->answered < p->published)
        read_answers(p, 0);
}

static void burst(struct publisher *p, long beats)
{
    while (beats) {
        struct timespec wall = clock_of(CLOCK_REALTIME);
        double now = monotonic();
        long count = beats < p->o.batch ? beats : p->o.batch;
        for (long k = 0; k < count; k++) {
            add_beat(p, p->next, wall, now);
            p->next = p->next + 1 == p->o.services ? 0 : p->next + 1;
        }
        send_all(p);
        catch_up(p);
        beats -= count;
    }
}

static void tell(const struct publisher *p, long k)
{
    printf("{\"svc\":\"svc_%ld\",\"last\":%.6f}\n", k, p->services[k].last);
}

static void silence_one(struct publisher *p)
{
    long k;
    do {
        p->chance = p->chance * 6364136223846793005u + 1442695040888963407u;
        k = (long)((p->chance >> 33) % (uint64_t)p->o.services);
    } while (p->services[k].silent);
    p->services[k].silent = true;
    tell(p, k);
}

static void paced(struct publisher *p)
{
    struct timespec moment = clock_of(CLOCK_MONOTONIC);
    const long gap = NSEC / p->o.rate;
    double kill_at = seconds(moment) + (double)p->o.kill_after_ms / 1000;
    for (long beat = 0, kills = 0; beat < p->o.beats; beat++) {
        moment = later(moment, gap);
        sleep_until(moment);
        double now = monotonic();
        if (kills < p->o.kills && now >= kill_at) {
            silence_one(p);
            kill_at += (double)p->o.kill_every_ms / 1000;
            kills++;
        }
        while (p->services[p->next].silent)
            p->next = p->next + 1 == p->o.services ? 0 : p->next + 1;
        add_beat(p, p->next, clock_of(CLOCK_REALTIME), now);
        p->next = p->next + 1 == p->o.services ? 0 : p->next + 1;
        send_all(p);
        if (beat % 64 == 0)
            read_answers(p, MSG_DONTWAIT);
    }
    catch_up(p);
}

static void rounds(struct publisher *p)
{
    struct timespec moment = clock_of(CLOCK_MONOTONIC);
    for (long round = 0; round < p->o.rounds; round++) {
        sleep_until(moment);
        burst(p, p->o.services);
        moment = later(moment, p->o.interval_ms * 1000000);
    }
    for (long k = 0; k < p->o.services; k++)
        tell(p, k);
}

static void warm(struct publisher *p)
{
    burst(p, p->o.services);
    if (p->unheard)
        die("beats of the first round reached no subscriber; it has lost its subscription");
    puts("warm");
    fflush(stdout);
    while (getchar() != '\n')
        if (feof(stdin))
            exit(0);
}

static int connect_to(int port)
{
    struct sockaddr_in to = {.sin_family = AF_INET, .sin_port = htons((uint16_t)port)};
    int yes = 1, link = socket(AF_INET, SOCK_STREAM, 0);
    to.sin_addr.s_addr = htonl(INADDR_LOOPBACK);
    if (link < 0 || connect(link, (struct sockaddr *)&to, sizeof to))
        die("cannot connect");
    setsockopt(link, IPPROTO_TCP, TCP_NODELAY, &yes, sizeof yes);
    return link;
}

static long *option(struct options *o, const char *name)
{
    const struct {
        const char *name;
        long *value;
    } known[] = {
        {"--services", &o->services},       {"--beats", &o->beats},
        {"--batch", &o->batch},             {"--rate", &o->rate},
        {"--kill-every", &o->kill_every_ms}, {"--kill-after", &o->kill_after_ms},
        {"--kills", &o->kills},             {"--rounds", &o->rounds},
        {"--interval", &o->interval_ms},
    };
    for (size_t k = 0; k < sizeof known / sizeof *known; k++)
        if (!strcmp(known[k].name, name))
            return known[k].value;
    return NULL;
}

static struct options parse(int argc, char **argv)
{
    struct options o = {.batch = 1000, .warm = true};
    for (int k = 2; k < argc; k++) {
        long *value = option(&o, argv[k]);
        if (!strcmp(argv[k], "--no-warm"))
            o.warm = false;
        else if (k + 1 == argc)
            die("an option lacks its value");
        else if (!strcmp(argv[k], "--port"))
            o.port = atoi(argv[++k]);
        else if (value)
            *value = atol(argv[++k]);
        else
            die("unknown option");
    }
    if (!o.port || o.services < 1 || o.batch < 1 || o.kills >= o.services)
        die("needs --port and --services, and fewer --kills than those");
    return o;
}

int main(int argc, char **argv)
{
    struct publisher p = {.chance = 20240229};
    const char *mode = argc > 1 ? argv[1] : "";
    p.o = parse(argc, argv);
    p.services = calloc((size_t)p.o.services, sizeof *p.services);
    p.out = malloc((size_t)p.o.batch * (BEAT_BYTES + 64));
    if (!p.services || !p.out)
        die("no memory");
    p.link = connect_to(p.o.port);
    if (p.o.warm)
        warm(&p);
    double began = monotonic();
    long before = p.published;
    if (!strcmp(mode, "burst"))
        burst(&p, p.o.beats);
    else if (!strcmp(mode, "paced") && p.o.rate > 0)
        paced(&p);
    else if (!strcmp(mode, "rounds"))
        rounds(&p);
    else
        die("the mode is burst, paced (with --rate) or rounds");
    printf("{\"published\":%ld,\"unheard\":%ld,\"sec\":%.6f}\n", p.published - before, p.unheard, monotonic() - began);
    return 0;
}
