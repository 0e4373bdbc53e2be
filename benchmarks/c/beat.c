#include "beat.h"

#include <string.h>

struct text {
    const char *start;
    size_t len;
};

struct cursor {
    const char *at;
    const char *end;
};

/* wyhash's folded multiplication: eight bytes a step, and good enough for names. */
uint64_t hash_bytes(const char *bytes, size_t len)
{
    uint64_t hash = len * 0x9e3779b97f4a7c15u;
    while (len) {
        uint64_t word = 0;
        size_t step = len < 8 ? len : 8;
        if (step == 8)
            memcpy(&word, bytes, 8);
        else
            memcpy(&word, bytes, step);
        __uint128_t product = (__uint128_t)(hash ^ word) * 0xa0761d6478bd642fu;
        hash = (uint64_t)product ^ (uint64_t)(product >> 64);
        bytes += step;
        len -= step;
    }
    return hash;
}

static void skip_space(struct cursor *c)
{
    while (c->at < c->end && (*c->at == ' ' || *c->at == '\t' || *c->at == '\n' || *c->at == '\r'))
        c->at++;
}

static bool take(struct cursor *c, char wanted)
{
    skip_space(c);
    if (c->at == c->end || *c->at != wanted)
        return false;
    c->at++;
    return true;
}

static bool read_text(struct cursor *c, struct text *out)
{
    if (!take(c, '"'))
        return false;
    out->start = c->at;
    while (c->at < c->end && *c->at != '"') {
        if ((unsigned char)*c->at < ' ')
            return false;
        c->at += *c->at == '\\' ? 2 : 1;
    }
    if (c->at >= c->end)
        return false;
    out->len = (size_t)(c->at - out->start);
    c->at++;
    return true;
}

static bool digit(const struct cursor *c)
{
    return c->at < c->end && *c->at >= '0' && *c->at <= '9';
}

static bool read_count(struct cursor *c, uint64_t *out)
{
    skip_space(c);
    const char *start = c->at;
    *out = 0;
    while (digit(c) && c->at - start < 17)
        *out = *out * 10 + (uint64_t)(*c->at++ - '0');
    return c->at > start;
}

/* A number without an exponent; what clocks print has none. */
static bool read_seconds(struct cursor *c, double *out)
{
    uint64_t whole;
    if (!read_count(c, &whole))
        return false;
    *out = (double)whole;
    if (c->at < c->end && *c->at == '.') {
        double scale = 1;
        uint64_t part = 0;
        c->at++;
        for (; digit(c); c->at++) {
            part = part * 10 + (uint64_t)(*c->at - '0');
            scale *= 10;
        }
        *out += (double)part / scale;
    }
    return true;
}

static bool skip_value(struct cursor *c)
{
    int depth = 0;
    struct text ignored;
    skip_space(c);
    while (c->at < c->end) {
        char byte = *c->at;
        if (byte == '"') {
            if (!read_text(c, &ignored))
                return false;
            if (!depth)
                return true;
            continue;
        }
        if (!depth && (byte == ',' || byte == '}'))
            return true;
        depth += (byte == '{' || byte == '[') - (byte == '}' || byte == ']');
        c->at++;
    }
    return false;
}

static bool is(struct text key, const char *name, size_t len)
{
    return key.len == len && !memcmp(key.start, name, len);
}

static bool read_field(struct cursor *c, struct beat *out, unsigned *seen)
{
    struct text key, value;
    if (!read_text(c, &key) || !take(c, ':'))
        return false;
    if (is(key, "svc", 3)) {
        *seen |= 1;
        if (!read_text(c, &value))
            return false;
        out->svc = value.start;
        out->svc_len = value.len;
        return true;
    }
    if (is(key, "i", 1)) {
        *seen |= 2;
        return read_count(c, &out->i);
    }
    if (is(key, "ts", 2)) {
        *seen |= 4;
        return read_seconds(c, &out->ts);
    }
    if (is(key, "boot", 4)) {
        if (!read_text(c, &value))
            return false;
        out->boot = hash_bytes(value.start, value.len);
        return true;
    }
    return skip_value(c);
}

bool beat_read(const char *json, size_t len, struct beat *out)
{
    struct cursor c = {json, json + len};
    unsigned seen = 0;
    out->boot = 0;
    if (!take(&c, '{'))
        return false;
    do {
        if (!read_field(&c, out, &seen))
            return false;
    } while (take(&c, ','));
    if (!take(&c, '}'))
        return false;
    skip_space(&c);
    return c.at == c.end && seen == 7;
}
