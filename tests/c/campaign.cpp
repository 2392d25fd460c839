/* Damage by the million: the real firmware and the real parser, driven from C because Python would
 * take hours.
 *
 *   faults TRIALS SEED          13 kinds of damage to one frame, a good one behind it; a line each
 *   noise KIND RATE ROWS SEED   rows and answers through a noisy wire, five tries each; one line
 *   flips ROWS THREE FOUR SEED  every flip of 1 and of 2 bits in ROWS frames of each kind, and so
 *                               many random ones of 3 and of 4 bits
 *   baud RATIO FRAMES SEED      a receiver that runs at RATIO times the sender's rate; one line
 *
 * Lines are `name value name value ...`; tests/campaign.py reads them. Linked with main.cpp and
 * native/board.cpp. A board of several models, version 3, gets rows of each in any order.
 */
#include <stdio.h>
#include <stdlib.h>
#include <string.h>

#include <vector>

#define memcpy_P memcpy
#include "tinygen_model.h"
#if MODEL_COUNT > 1
#define TINYGEN_PROTOCOL_VERSION 3u
#endif
#include "tinygen_protocol.h"

typedef std::vector<uint8_t> Bytes;
typedef tinygen_parser Parser;

extern "C" {
void board_boot(uint8_t boot_number, uint8_t cause);
void board_run(const uint8_t *bytes, uint32_t length, uint32_t now_ms);
uint32_t board_take(uint8_t *to, uint32_t room);
}

static const uint8_t SESSION = 7;
static uint64_t state;
static uint32_t now_ms;

/* xorshift64*: the same numbers on every machine */
static uint32_t random32()
{
    state ^= state >> 12;
    state ^= state << 25;
    state ^= state >> 27;
    return (uint32_t)((state * 2685821657736338717ULL) >> 32);
}
static uint32_t below(size_t limit) { return (uint32_t)(((uint64_t)random32() * limit) >> 32); }
static bool chance(double p) { return random32() < p * 4294967296.0; }

static const int32_t THRESHOLD[] = {THRESHOLDS}; /* of each model; answers have one number */

#if MODEL_COUNT > 1
#define SEED TINYGEN_PLAIN_SEED
static void choose(uint8_t number)
{
    model_now = models[number];
    model_number = number;
}
#else
#define SEED TINYGEN_SEED(MODEL_ID)
static void choose(uint8_t) {}
#endif

static Parser new_parser() { return Parser{SEED, 0, 0, 0, {0}}; }

struct Row {
    int16_t sent[MODEL_MOST_INPUTS], given[MODEL_MOST_INPUTS];
    int16_t y;
    uint8_t seq, flags, model, inputs;
};

/* The number that a row or an answer begins with, and its complement; 0 bytes for one model. */
static uint8_t put_number(uint8_t *to, uint8_t number)
{
    const uint8_t both[] = {number, (uint8_t)~number};
    memcpy(to, both, TINYGEN_NUMBER_BYTES);
    return TINYGEN_NUMBER_BYTES;
}

/* A row as hosts send them: mostly inside the accepted range, sometimes outside, sometimes with a
 * value missing. */
static Row random_row(uint8_t seq)
{
    Row row;
    row.seq = seq;
    row.flags = 0;
    row.model = MODEL_COUNT > 1 ? (uint8_t)below(MODEL_COUNT) : 0;
    choose(row.model);
    row.inputs = MODEL_INPUTS;
    for (int i = 0; i < MODEL_INPUTS; i++) {
        const int32_t low = model_range[i][0], high = model_range[i][1];
        row.sent[i] = (int16_t)(chance(0.05) ? (int32_t)below(65535) - 32767
                                             : low + (int32_t)below((size_t)(high - low + 1)));
        row.given[i] = row.sent[i] < low ? (int16_t)low : row.sent[i];
        row.given[i] = row.given[i] > high ? (int16_t)high : row.given[i];
        row.flags |= row.given[i] != row.sent[i] ? TINYGEN_CLAMPED : 0;
    }
    if (chance(0.05)) {
        row.sent[below(MODEL_INPUTS)] = INT16_MIN;
        memcpy(row.given, row.sent, sizeof row.sent);
        row.flags = TINYGEN_MISSING;
    }
    row.y = row.flags == TINYGEN_MISSING ? INT16_MIN : model_predict(row.given);
    return row;
}

static Bytes frame_of(uint8_t type, uint8_t seq, const void *payload, uint8_t length)
{
    Bytes frame(TINYGEN_FRAME_BYTES(length));
    memcpy(&frame[TINYGEN_PAYLOAD_AT], payload, length);
    tinygen_encode(frame.data(), type, SESSION, seq, length, SEED);
    return frame;
}

static Bytes frame_of(const Row &row)
{
    uint8_t payload[TINYGEN_NUMBER_BYTES + 2 * MODEL_MOST_INPUTS];
    uint8_t size = put_number(payload, row.model);
    for (int i = 0; i < row.inputs; i++, size = (uint8_t)(size + 2))
        tinygen_put16(payload + size, (uint16_t)row.sent[i]);
    return frame_of(TINYGEN_ROW, row.seq, payload, size);
}

static Bytes exchange(const Bytes &sent)
{
    uint8_t buffer[4096];
    for (size_t at = 0; at < sent.size(); at += 100)
        board_run(&sent[at], (uint32_t)(sent.size() - at < 100 ? sent.size() - at : 100), now_ms);
    return Bytes(buffer, buffer + board_take(buffer, sizeof buffer));
}

/* What a host makes of the parser's frame while it waits for `row`. */
enum Answer { NOTHING, RIGHT, WRONG };
static Answer judge(const Parser &p, const Row &row)
{
    const uint8_t *payload = tinygen_payload(&p) + TINYGEN_NUMBER_BYTES;
    uint8_t number[2];
    const uint8_t bytes = put_number(number, row.model);
    if (tinygen_type(&p) != TINYGEN_RESULT || tinygen_len(&p) != bytes + TINYGEN_RESULT_BYTES
        || tinygen_session(&p) != SESSION || tinygen_seq(&p) != row.seq
        || memcmp(tinygen_payload(&p), number, bytes) != 0
        || tinygen_get16(payload + 4) != tinygen_digest(row.given, row.inputs))
        return NOTHING;
    const uint8_t lit = row.y > THRESHOLD[row.model] ? TINYGEN_PIN_RED : TINYGEN_PIN_GREEN;
    const uint8_t pins = row.flags == TINYGEN_MISSING ? 0 : lit;
    const bool right = payload[0] == row.flags && payload[1] == pins
                       && (int16_t)tinygen_get16(payload + 2) == row.y;
    return right ? RIGHT : WRONG;
}

static void count(const Bytes &heard, Parser &host, const Row &row, int &right, int &wrong)
{
    for (uint8_t octet : heard)
        if (tinygen_feed(&host, octet) == TINYGEN_READY) {
            const Answer answer = judge(host, row);
            right += answer == RIGHT;
            wrong += answer == WRONG;
        }
}

/* ---- one damaged frame, a good one behind it ------------------------------------------------- */

static const char *const FAULTS[] = {
    "bit",   "three bits", "burst",  "drop",        "double",     "insert", "stray",
    "noise", "truncate",   "length", "frame twice", "frame lost", "payload"};

static Bytes damage(Bytes wire, int kind)
{
    const uint32_t at = below(wire.size());
    const Bytes whole = wire;
    switch (kind) {
    case 0: wire[at] ^= (uint8_t)(1u << below(8)); break;
    case 1:
        for (int i = 0; i < 3; i++)
            wire[below(wire.size())] ^= (uint8_t)(1u << below(8));
        break;
    case 2:
        for (uint32_t i = at; i < wire.size() && i < at + 1 + below(4); i++)
            wire[i] = (uint8_t)random32();
        break;
    case 3: wire.erase(wire.begin() + at); break;
    case 4: wire.insert(wire.begin() + at, wire[at]); break;
    case 5: wire.insert(wire.begin() + at, (uint8_t)random32()); break;
    case 6: wire.push_back((uint8_t)random32()); break;
    case 7:
        wire.resize(1 + below(90));
        for (uint8_t &octet : wire)
            octet = (uint8_t)random32();
        break;
    case 8: wire.resize(at); break;
    case 9: wire[5] = (uint8_t)random32(); break;
    case 10: wire.insert(wire.end(), whole.begin(), whole.end()); break;
    case 11: wire.clear(); break;
    case 12:
        for (size_t i = 6; i < wire.size() - 3; i++)
            wire[i] = (uint8_t)random32();
        break;
    }
    return wire;
}

static void faults(long trials)
{
    for (int kind = 0; kind < 13; kind++) {
        long wrong = 0, lost = 0, refused = 0;
        for (long trial = 0; trial < trials; trial++) {
            Parser host = new_parser();
            const Row bad = random_row((uint8_t)(2 * trial));
            const Row good = random_row((uint8_t)(2 * trial + 1));
            Bytes wire = damage(frame_of(bad), kind);
            const Bytes behind = frame_of(good);
            wire.insert(wire.end(), behind.begin(), behind.end());
            now_ms += 10;
            const Bytes heard = exchange(wire);
            int right_bad = 0, right_good = 0, wrong_now = 0;
            count(heard, host, bad, right_bad, wrong_now);
            host = new_parser();
            count(heard, host, good, right_good, wrong_now);
            wrong += wrong_now;
            lost += right_good == 0;
            refused += right_bad == 0;
        }
        printf("kind %s;trials %ld;wrong %ld;lost %ld;refused %ld\n", FAULTS[kind], trials, wrong,
               lost, refused);
    }
}

/* ---- a noisy wire, both ways ----------------------------------------------------------------- */

static Bytes noisy(const Bytes &clean, char kind, double rate)
{
    Bytes out;
    for (uint8_t octet : clean) {
        if (kind == 'f')
            for (int bit = 0; bit < 8; bit++)
                octet ^= (uint8_t)(chance(rate) << bit);
        const bool hit = kind != 'f' && chance(rate);
        if (hit && kind == 'i')
            out.push_back((uint8_t)random32());
        if (!(hit && kind == 'd'))
            out.push_back(octet);
        if (hit && kind == 't')
            out.push_back(octet);
    }
    return out;
}

static void noise(char kind, double rate, long rows)
{
    long first = 0, wrong = 0, lost = 0, retries = 0;
    Parser host = new_parser();
    for (long index = 0; index < rows; index++) {
        const Row row = random_row((uint8_t)index);
        int right = 0, bad = 0, tries = 0;
        while (right + bad == 0 && tries < 5) {
            tries++;
            now_ms += 2;
            const Bytes answer = exchange(noisy(frame_of(row), kind, rate));
            count(noisy(answer, kind, rate), host, row, right, bad);
        }
        first += tries == 1 && right;
        wrong += bad;
        lost += right + bad == 0;
        retries += tries - 1;
    }
    printf("rows %ld;wrong %ld;lost %ld;first %ld;retries %ld\n", rows, wrong, lost, first,
           retries);
}

/* ---- flips ---------------------------------------------------------------------------------- */

struct Flips {
    long tried;  /* patterns */
    long passed; /* damaged frames that passed the check sum */
    long wrong;  /* of these, the ones that a host would believe */
};

#define INFO_SIZE \
    (TINYGEN_INFO_BYTES + (MODEL_COUNT > 1 ? TINYGEN_MORE_INFO + TINYGEN_PLACE_BYTES : 0u))

/* How many bytes of a frame's payload are the model's number. */
static uint8_t number_bytes(uint8_t type)
{
    return type == TINYGEN_ROW || type == TINYGEN_RESULT ? TINYGEN_NUMBER_BYTES : 0;
}

static uint16_t digest_of(uint8_t type, const uint8_t *payload, uint8_t size)
{
    int16_t row[INFO_SIZE / 2];
    payload += number_bytes(type);
    size = (uint8_t)(size - number_bytes(type));
    if (type == TINYGEN_RESULT)
        return tinygen_get16(payload + 4);
    for (uint8_t i = 0; i < size / 2; i++)
        row[i] = (int16_t)tinygen_get16(payload + 2 * i);
    return tinygen_digest(row, (uint8_t)(size / 2));
}

/* Feeds a damaged frame; `body` is the undamaged one, without its fcs. */
static void take(Flips &flips, const Bytes &wire, const Bytes &body)
{
    static Parser p = new_parser();
    flips.tried++;
    for (size_t i = 0; i < wire.size() + 2; i++) { /* between zeros, as on a busy line */
        const uint8_t octet = i == 0 || i > wire.size() ? 0 : wire[i - 1];
        const uint8_t type = body[0] & 31, size = body[3];
        if (tinygen_feed(&p, octet) != TINYGEN_READY
            || memcmp(p.body, body.data(), body.size()) == 0)
            continue;
        flips.passed++;
        flips.wrong += memcmp(p.body, body.data(), 4u + number_bytes(type)) == 0
                       && digest_of(type, tinygen_payload(&p), size)
                              == digest_of(type, &body[4], size);
    }
}

static void flip(Bytes &wire, size_t bit) { wire[bit / 8] ^= (uint8_t)(1u << bit % 8); }

/* Flips `bits` random bits, `times` times. */
static void flip_some(Bytes &wire, const Bytes &body, int bits, long times, Flips &some)
{
    while (times-- > 0) {
        const Bytes whole = wire;
        for (int i = 0; i < bits; i++)
            flip(wire, below(8 * wire.size()));
        take(some, wire, body);
        wire = whole;
    }
}

static void flip_all(uint8_t type, uint8_t size, long row, long three, long four, Flips &few,
                     Flips &triple, Flips &quadruple)
{
    uint8_t payload[INFO_SIZE];
    for (uint8_t &octet : payload)
        octet = (uint8_t)(chance(0.3) ? 0 : random32()); /* small values have zero high bytes */
    if (number_bytes(type)) {
        put_number(payload, (uint8_t)(row % MODEL_COUNT));
        size = (uint8_t)(size + TINYGEN_NUMBER_BYTES);
    }
    Bytes wire = frame_of(type, (uint8_t)row, payload, size);
    Bytes body = {(uint8_t)(1u << 5 | type), SESSION, (uint8_t)row, size};
    body.insert(body.end(), payload, payload + size);
    const size_t bits = 8 * wire.size();
    for (size_t a = 0; a < bits; a++) {
        flip(wire, a);
        take(few, wire, body);
        for (size_t b = a + 1; b < bits; b++) {
            flip(wire, b);
            take(few, wire, body);
            flip(wire, b);
        }
        flip(wire, a);
    }
    flip_some(wire, body, 3, three, triple);
    flip_some(wire, body, 4, four, quadruple);
}

static void flips(long rows, long three, long four)
{
    Flips few = {0, 0, 0}, triple = {0, 0, 0}, quadruple = {0, 0, 0};
    const struct { uint8_t type, size; } kinds[] = {
        {TINYGEN_ROW, 2}, {TINYGEN_ROW, 16}, {TINYGEN_ROW, 24},
        {TINYGEN_RESULT, TINYGEN_RESULT_BYTES}, {TINYGEN_HELLO, 0}, {TINYGEN_HELLO, 4},
        {TINYGEN_STATUS, 0}, {TINYGEN_STATUS, TINYGEN_STATUS_BYTES}, {TINYGEN_ERR, 2},
        {TINYGEN_INFO, INFO_SIZE}};
    for (long row = 0; row < rows; row++)
        for (const auto &kind : kinds) /* INFO has as many patterns as all the others together */
            if (kind.type != TINYGEN_INFO || row % 4 == 0)
                flip_all(kind.type, kind.size, row, three / (10 * rows), four / (10 * rows), few,
                         triple, quadruple);
    printf("tried %ld;passed %ld;wrong %ld;", few.tried, few.passed, few.wrong);
    printf("three %ld;three_passed %ld;three_wrong %ld;", triple.tried, triple.passed,
           triple.wrong);
    printf("four %ld;four_passed %ld;four_wrong %ld\n", quadruple.tried, quadruple.passed,
           quadruple.wrong);
}

/* ---- another baud rate ---------------------------------------------------------------------- */

/* Level of the line at time t, in the sender's bits: 10 bits a byte, start low, stop high. */
static int level(const Bytes &wire, double t)
{
    const long bit = (long)t;
    if (bit < 0 || bit / 10 >= (long)wire.size() || bit % 10 == 9)
        return 1;
    return bit % 10 != 0 && wire[(size_t)(bit / 10)] >> (bit % 10 - 1) & 1;
}

/* What a UART receives whose bits are 1 / ratio of the sender's: 8 samples a bit, the middle
 * counts. */
static Bytes received(const Bytes &wire, double ratio)
{
    Bytes out;
    const double bit = 1.0 / ratio, sample = bit / 8;
    double t = (double)below(1000) / 1000 * sample;
    while (t < 10.0 * (double)wire.size()) {
        if (level(wire, t)) {
            t += sample;
            continue;
        }
        uint8_t octet = 0;
        for (int i = 0; i < 8; i++)
            octet |= (uint8_t)(level(wire, t + (1.5 + i) * bit) << i);
        if (level(wire, t + 9.5 * bit)) /* else a framing error: the firmware drops the byte */
            out.push_back(octet);
        t += 9.5 * bit;
    }
    return out;
}

static void baud(double ratio, long frames)
{
    long wrong = 0, right = 0;
    Parser p = new_parser();
    for (long i = 0; i < frames; i++) {
        const Row row = random_row((uint8_t)i);
        const Bytes wire = frame_of(row);
        for (uint8_t octet : received(wire, ratio))
            if (tinygen_feed(&p, octet) == TINYGEN_READY) {
                const uint8_t *first = tinygen_payload(&p) + TINYGEN_NUMBER_BYTES;
                const bool same = tinygen_type(&p) == TINYGEN_ROW && tinygen_seq(&p) == row.seq
                                  && tinygen_len(&p) == TINYGEN_NUMBER_BYTES + 2 * row.inputs
                                  && (int16_t)tinygen_get16(first) == row.sent[0];
                right += same;
                wrong += !same;
            }
    }
    printf("frames %ld;wrong %ld;right %ld\n", frames, wrong, right);
}

int main(int argc, char **argv)
{
    uint8_t greeting[200];
    if (argc < 4)
        return 2;
    state = strtoull(argv[argc - 1], NULL, 10) * 2654435761ULL + 1;
    board_boot(SESSION, 1);
    board_take(greeting, sizeof greeting);
    if (strcmp(argv[1], "faults") == 0)
        faults(atol(argv[2]));
    else if (strcmp(argv[1], "noise") == 0)
        noise(argv[2][0], atof(argv[3]), atol(argv[4]));
    else if (strcmp(argv[1], "flips") == 0)
        flips(atol(argv[2]), atol(argv[3]), atol(argv[4]));
    else
        baud(atof(argv[2]), atol(argv[3]));
    return 0;
}
