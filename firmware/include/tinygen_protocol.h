/* tinygen_protocol.h -- how a row and its answer look on the wire, version 1;
 * version 2 is the same with several numbers in an answer, version 3 with several models.
 *
 *            +----+-------+-------------------------------------------+----+
 *     wire   | 00 |  key  |          each byte of body ^ key          | 00 |
 *            +----+-------+-------------------------------------------+----+
 *                          /                                         \
 *            +------+-------+-------+-------+-----------------+---------------+
 *     body   |  vt  |  ses  |  seq  |  len  |  payload [len]  | fcs lo fcs hi |
 *            +------+-------+-------+-------+-----------------+---------------+
 *
 *  1  Every frame starts and ends with 00; no other byte of it is 00. Two 00 in a row are an
 *     empty frame and mean nothing, so a receiver is in step again at the next 00, without timers.
 *  2  key is a value, not 00, that no byte of the body has: A5, or the first free one after it
 *     (FF is followed by 01). A body has at most 254 bytes, so there is one.
 *  3  vt = version << 5 | type. ses = the board's boot number. seq = the host's row counter
 *     modulo 256; an answer carries the seq of its question. len = bytes of payload, even.
 *  4  fcs = CRC-16/X-25 over vt..payload (polynomial 0x1021 reflected, inverted at the end).
 *     It starts at FFFF, but in ROW and RESULT at FFFF ^ (model id >> 16) ^ (model id & FFFF):
 *     a row for another model is a damaged row. In version 3 it starts at FFFF in all frames; the
 *     payload of ROW and RESULT begins with the model's number and the complement of that, and
 *     behind these two bytes it is taken exclusive-or with (model id >> 16) ^ (model id & FFFF).
 *  5  All numbers are little endian. A raw value is an int16; -32768 means "no value".
 *  6  A board checks in this order and answers the first that fails: damaged (BAD_FCS, at most
 *     one per good frame or 100 ms), version, length, type, model, session, corrupt.
 *  7  The host keeps at most `window` rows (from INFO) unanswered. The same row sent again (same
 *     session, seq and fcs) gets the same answer: the board computes, it does not count.
 *
 * Pure: no I/O, no Arduino, C99 and C++11. The Python twin is host/protocol.py; both are held
 * against tests/vectors.py. The whole format is told in docs/wire-format.md.
 */
#ifndef TINYGEN_PROTOCOL_H
#define TINYGEN_PROTOCOL_H

#include <stdint.h>
#ifdef __AVR__
#include <util/crc16.h>
#endif

#ifdef __cplusplus
extern "C" {
#endif

/* 2 where an answer has several numbers, 3 for a board of several models; a user defines it before
 * the #include, and for 3 as well TINYGEN_MODELS, how many there are, and TINYGEN_BINDING(number):
 * (id >> 16) ^ (id & FFFF) of that model, anything for a number that is none. */
#ifndef TINYGEN_PROTOCOL_VERSION
#define TINYGEN_PROTOCOL_VERSION 1u
#endif
#if TINYGEN_PROTOCOL_VERSION == 3
#define TINYGEN_NUMBER_BYTES 2u /* a model's number and its complement, before a row or an answer */
#else
#define TINYGEN_NUMBER_BYTES 0u
#endif

/* Longest body this receiver keeps, 6 .. 254; a user may define it before the #include. */
#ifndef TINYGEN_BODY_MAX
#define TINYGEN_BODY_MAX 254u
#endif

#define TINYGEN_HEAD_BYTES 4u                           /* vt ses seq len */
#define TINYGEN_FRAME_BYTES(len) ((len) + 9u)           /* on the wire: 00, key, head, fcs, 00 */
#define TINYGEN_PAYLOAD_AT 6u                           /* where the payload lies in a frame */
#define TINYGEN_FIRST_KEY 0xA5u /* 00 and FF, common in rows, are then four flips from a 00 */

enum { /* types: who sends it, and the bytes of its payload */
    TINYGEN_HELLO = 1,  /* host   0, or 4: the model id it wants to talk to; version 3 also 2: the
                                  number of a model and its complement */
    TINYGEN_INFO = 2,   /* board  TINYGEN_INFO_BYTES, also sent unasked after every reset */
    TINYGEN_ROW = 3,    /* host   2 * inputs: one int16 each */
    TINYGEN_RESULT = 4, /* board  TINYGEN_RESULT_BYTES */
    TINYGEN_STATUS = 5, /* host   0, board TINYGEN_STATUS_BYTES */
    TINYGEN_ERR = 6,    /* board  2: code, detail */
    TINYGEN_RECORD = 7, /* host   TINYGEN_RECORD_BYTES: to a board that records, not predicts */
    TINYGEN_SAMPLES = 8, /* board  TINYGEN_SAMPLES_BYTES, then samples: its answer, and unasked */
    TINYGEN_CALIBRATE = 9,   /* host   TINYGEN_CALIBRATION_BYTES: to a board built for it */
    TINYGEN_CALIBRATION = 10 /* board  TINYGEN_CALIBRATION_BYTES: what it holds then */
};

enum { TINYGEN_STOP = 0, TINYGEN_START = 1, TINYGEN_AGAIN = 2 }; /* commands in RECORD */

enum { /* commands in CALIBRATE */
    TINYGEN_CALIBRATION_TELL = 0,
    TINYGEN_CALIBRATION_SET = 1,
    TINYGEN_CALIBRATION_UNDO = 2
};
enum { /* states in CALIBRATION */
    TINYGEN_UNCALIBRATED = 0,
    TINYGEN_CALIBRATED = 1,
    TINYGEN_FOREIGN = 2, /* what is stored is for another model: it is not used */
    TINYGEN_UNUSABLE = 3 /* what is stored is out of range: it is not used */
};

enum { /* error codes, and what the detail byte holds */
    TINYGEN_BAD_FCS = 1,       /* 0; seq is 0 too, for a damaged frame has none */
    TINYGEN_BAD_LEN = 2,       /* the length this board wants */
    TINYGEN_BAD_TYPE = 3,      /* the type it got */
    TINYGEN_BAD_VERSION = 4,   /* the version this board speaks */
    TINYGEN_WRONG_SESSION = 5, /* the session it got; the right one is in ses */
    TINYGEN_WRONG_MODEL = 6,   /* 0; answers a HELLO that names another model */
    TINYGEN_OVERRUN = 7,       /* bytes lost so far, modulo 256: the host ignored the window */
    TINYGEN_BUSY = 8,          /* 0; send the row again later */
    TINYGEN_MODEL_CORRUPT = 9, /* 0; the program or a table in flash is not what was built */
    TINYGEN_NO_SENSOR = 10,    /* the driver's error code: what was to be recorded gives nothing */
    TINYGEN_BAD_CALIBRATION = 11 /* 0; command, gain or offset is out of range: nothing is stored */
};

enum { TINYGEN_CLAMPED = 1, TINYGEN_MISSING = 2, TINYGEN_NOT_SURE = 4 }; /* RESULT flags */
enum {                                               /* RESULT and STATUS pins */
    TINYGEN_PIN_RED = 1,
    TINYGEN_PIN_GREEN = 2,
    TINYGEN_PIN_THIRD = 4, /* version 2 */
    TINYGEN_PIN_FOURTH = 8
};
enum {                                               /* INFO traits */
    TINYGEN_INFO_CORRUPT = 1,
    TINYGEN_INFO_EMPTY = 2,
    TINYGEN_INFO_DARK_OUTSIDE = 4,
    TINYGEN_INFO_CALIBRATED = 8, /* gain and offset from EEPROM are in force */
    TINYGEN_INFO_FOREIGN = 16    /* what the EEPROM holds is not for this model, and not used */
};

#define TINYGEN_RESULT_BYTES 10u /* flags 1, pins 1, y 2, digest 2, cycles 4 */
#define TINYGEN_STATUS_BYTES 20u /* rows 4, overrun 2, framing 2, fcs 2, refused 2, stack free 2,
                                    uptime ms 4, reset cause 1, pins 1 */
#define TINYGEN_INFO_BYTES 74u   /* protocol 1, traits 1, inputs 1, window 1, longest payload 1,
                                    reset cause 1, model id 4, baud 4, overrun 2, framing 2, fcs 2,
                                    alarm hysteresis 2, alarm debounce 1,
                                    board 20, model 31 (ASCII, filled up with 00) */
#define TINYGEN_MORE_INFO 2u     /* behind INFO in version 2: values 1, LED pins 1. RESULT then has
                                    the other values behind its cycles, 2 bytes each */
#define TINYGEN_PLACE_BYTES 2u   /* behind that in version 3: the model's number 1, models 1 */
#define TINYGEN_RECORD_BYTES 10u /* command 2, and for START: timer ticks of a period less one 2,
                                    periods a sample 2, samples in all 4 (0: until STOP);
                                    for AGAIN: samples wanted 2, 0 2, number of the first 4 */
#define TINYGEN_SAMPLES_BYTES 12u /* number of the first 4, oldest that is kept 4, samples that
                                    could not be kept 2, largest lateness in timer ticks 2 */
#define TINYGEN_CALIBRATION_BYTES 12u /* command or state 2, gain in 1/4096 2, offset in 1/4096 of
                                         a step 4, model id 4 */
#define TINYGEN_BOARD_BYTES 20u
#define TINYGEN_NAME_BYTES 31u

/* What tinygen_feed says of the byte it got: one of these two, or an error code. */
enum { TINYGEN_MORE = 0, TINYGEN_READY = 255 };

/* Where the CRC starts for frames bound to a model (rule 4). */
#define TINYGEN_SEED(model_id) \
    ((uint16_t)(0xFFFFu ^ ((uint32_t)(model_id) & 0xFFFFu) ^ ((uint32_t)(model_id) >> 16)))
#define TINYGEN_PLAIN_SEED 0xFFFFu
#define TINYGEN_RESIDUE 0xF0B8u /* the register after a whole body, fcs included, if undamaged */

typedef struct {
    uint16_t seed; /* TINYGEN_SEED(model id): set once, the rest starts at zero */
    uint16_t crc;
    uint8_t size; /* body bytes seen; 255: more than any frame has */
    uint8_t key;  /* of the frame that has begun; 0 before it */
    uint8_t body[TINYGEN_BODY_MAX];
} tinygen_parser;

static inline uint16_t tinygen_crc(uint16_t crc, uint8_t octet)
{
#ifdef __AVR__
    return _crc_ccitt_update(crc, octet); /* 17 instructions; avr-gcc would shift bit by bit */
#else
    uint8_t low = (uint8_t)(octet ^ (uint8_t)crc);
    low = (uint8_t)(low ^ (uint8_t)(low << 4));
    return (uint16_t)((uint16_t)(low << 8 | crc >> 8) ^ (uint16_t)(low >> 4)
                      ^ (uint16_t)(low << 3));
#endif
}

/* The CRC's start for a frame whose first byte is vt. */
static inline uint16_t tinygen_seed_of(uint8_t vt, uint16_t seed)
{
    const uint8_t bound = (uint8_t)(TINYGEN_PROTOCOL_VERSION << 5);
    return (vt == (bound | TINYGEN_ROW) || vt == (bound | TINYGEN_RESULT)) ? seed
                                                                           : TINYGEN_PLAIN_SEED;
}

#if TINYGEN_PROTOCOL_VERSION == 3
/* True for frames that begin with a model's number. */
static inline uint8_t tinygen_bound(uint8_t vt)
{
    return tinygen_seed_of(vt, 0) == 0;
}

/* True if two bytes are the number of a model and its complement. */
static inline uint8_t tinygen_is_number(const uint8_t *from)
{
    return from[0] < TINYGEN_MODELS && (from[0] ^ from[1]) == 0xFFu;
}
#endif

static inline void tinygen_keep(tinygen_parser *p, uint8_t octet)
{
    if (p->size == 0)
        p->crc = tinygen_seed_of(octet, p->seed);
    p->crc = tinygen_crc(p->crc, octet);
    if (p->size < TINYGEN_BODY_MAX)
        p->body[p->size] = octet;
#if TINYGEN_PROTOCOL_VERSION == 3
    if (p->size == TINYGEN_HEAD_BYTES + 1u && tinygen_bound(p->body[0]))
        p->crc ^= TINYGEN_BINDING(p->body[TINYGEN_HEAD_BYTES]);
#endif
    if (p->size != 255u)
        p->size++;
}

/* The verdict on a finished body, in the order of rule 6. */
static inline uint8_t tinygen_verdict(const tinygen_parser *p)
{
    if (p->size < TINYGEN_HEAD_BYTES + 2u || p->size == 255u || p->crc != TINYGEN_RESIDUE)
        return TINYGEN_BAD_FCS;
#if TINYGEN_PROTOCOL_VERSION == 3
    if (tinygen_bound(p->body[0]) && !tinygen_is_number(p->body + TINYGEN_HEAD_BYTES))
        return TINYGEN_BAD_FCS;
#endif
    if ((p->body[0] & 0xE0u) != TINYGEN_PROTOCOL_VERSION << 5)
        return TINYGEN_BAD_VERSION;
    if (p->size > TINYGEN_BODY_MAX || p->body[3] != p->size - (TINYGEN_HEAD_BYTES + 2u))
        return TINYGEN_BAD_LEN;
    return TINYGEN_READY;
}

/* Takes one byte of wire; returns TINYGEN_MORE, TINYGEN_READY (p->body is a whole frame until the
 * next call) or the error code the frame deserves. */
static inline uint8_t tinygen_feed(tinygen_parser *p, uint8_t octet)
{
    if (octet == 0) {
        const uint8_t verdict = p->key == 0 ? (uint8_t)TINYGEN_MORE : tinygen_verdict(p);
        p->size = p->key = 0;
        return verdict;
    }
    if (p->key == 0)
        p->key = octet;
    else
        tinygen_keep(p, (uint8_t)(octet ^ p->key));
    return TINYGEN_MORE;
}

static inline uint8_t tinygen_type(const tinygen_parser *p) { return p->body[0] & 0x1Fu; }
static inline uint8_t tinygen_session(const tinygen_parser *p) { return p->body[1]; }
static inline uint8_t tinygen_seq(const tinygen_parser *p) { return p->body[2]; }
static inline uint8_t tinygen_len(const tinygen_parser *p) { return p->body[3]; }
static inline const uint8_t *tinygen_payload(const tinygen_parser *p)
{
    return p->body + TINYGEN_HEAD_BYTES;
}

static inline uint16_t tinygen_get16(const uint8_t *from)
{
    return (uint16_t)(from[0] | (uint16_t)((uint16_t)from[1] << 8));
}

static inline uint32_t tinygen_get32(const uint8_t *from)
{
    return tinygen_get16(from) | (uint32_t)tinygen_get16(from + 2) << 16;
}

/* Both return the place after what they wrote. */
static inline uint8_t *tinygen_put16(uint8_t *to, uint16_t value)
{
    to[0] = (uint8_t)value;
    to[1] = (uint8_t)(value >> 8);
    return to + 2;
}

static inline uint8_t *tinygen_put32(uint8_t *to, uint32_t value)
{
    return tinygen_put16(tinygen_put16(to, (uint16_t)value), (uint16_t)(value >> 16));
}

/* For a board with `inputs` inputs: 0, or the error code a well-formed frame deserves. */
static inline uint8_t tinygen_refusal(const tinygen_parser *p, uint8_t inputs, uint32_t model_id,
                                      uint8_t session, uint8_t corrupt)
{
    const uint8_t type = tinygen_type(p), len = tinygen_len(p);

    if (type == TINYGEN_HELLO) {
#if TINYGEN_PROTOCOL_VERSION == 3
        if (len == TINYGEN_NUMBER_BYTES)
            return tinygen_is_number(tinygen_payload(p)) ? 0u : (uint8_t)TINYGEN_WRONG_MODEL;
#endif
        if (len != 0 && len != 4)
            return TINYGEN_BAD_LEN;
        if (len == 4 && tinygen_get32(tinygen_payload(p)) != model_id)
            return TINYGEN_WRONG_MODEL;
        return 0;
    }
    if (type == TINYGEN_STATUS)
        return len != 0 ? (uint8_t)TINYGEN_BAD_LEN : 0u;
    if (type != TINYGEN_ROW)
        return TINYGEN_BAD_TYPE;
    if (len != 2u * inputs + TINYGEN_NUMBER_BYTES)
        return TINYGEN_BAD_LEN;
    if (tinygen_session(p) != session)
        return TINYGEN_WRONG_SESSION;
    return corrupt ? (uint8_t)TINYGEN_MODEL_CORRUPT : 0u;
}

/* The detail byte that goes with a refusal of p's frame (see the error codes). */
static inline uint8_t tinygen_detail(const tinygen_parser *p, uint8_t code, uint8_t inputs)
{
    switch (code) {
    case TINYGEN_BAD_LEN:
        return tinygen_type(p) == TINYGEN_ROW ? (uint8_t)(2u * inputs + TINYGEN_NUMBER_BYTES) : 0u;
    case TINYGEN_BAD_TYPE: return tinygen_type(p);
    case TINYGEN_BAD_VERSION: return TINYGEN_PROTOCOL_VERSION;
    case TINYGEN_WRONG_SESSION: return tinygen_session(p);
    default: return 0;
    }
}

/* A key for a body of `size` bytes, at most 254 (rule 2). */
static inline uint8_t tinygen_key(const uint8_t *body, uint8_t size)
{
    uint8_t key = TINYGEN_FIRST_KEY, i = 0;

    while (i != size) {
        if (body[i++] == key) {
            key = (uint8_t)(key == 255u ? 1u : key + 1u);
            i = 0;
        }
    }
    return key;
}

/* Makes a frame of TINYGEN_FRAME_BYTES(len) bytes around its payload, which already stands at
 * frame + TINYGEN_PAYLOAD_AT; len is at most 248. */
static inline void tinygen_encode(uint8_t *frame, uint8_t type, uint8_t session, uint8_t seq,
                                  uint8_t len, uint16_t seed)
{
    uint8_t *at = frame + 2;
    uint8_t left = (uint8_t)(len + TINYGEN_HEAD_BYTES);
    uint8_t key;
    uint16_t crc;

    at[0] = (uint8_t)((TINYGEN_PROTOCOL_VERSION << 5) | type);
    at[1] = session;
    at[2] = seq;
    at[3] = len;
    crc = tinygen_seed_of(at[0], seed);
    for (; left != 0; left--) {
        crc = tinygen_crc(crc, *at++);
#if TINYGEN_PROTOCOL_VERSION == 3
        if (at == frame + TINYGEN_PAYLOAD_AT + TINYGEN_NUMBER_BYTES && tinygen_bound(frame[2]))
            crc ^= TINYGEN_BINDING(frame[TINYGEN_PAYLOAD_AT]);
#endif
    }
    (void)tinygen_put16(at, (uint16_t)~crc);

    at = frame + 2;
    left = (uint8_t)(len + TINYGEN_HEAD_BYTES + 2u);
    key = tinygen_key(at, left);
    frame[0] = 0;
    frame[1] = key;
    for (; left != 0; left--, at++) {
        *at = (uint8_t)(*at ^ key);
    }
    *at = 0;
}

static inline uint8_t tinygen_add255(uint8_t a, uint8_t b)
{
    const uint16_t sum = (uint16_t)(a + b);
    return (uint8_t)(sum + (sum >> 8)); /* the carry comes round: right modulo 255, 255 for 0 */
}

/* Fletcher-16 over the little-endian bytes of a row: low byte the sum, high byte the sum of sums,
 * both modulo 255. It says which inputs the answer was computed from. */
static inline uint16_t tinygen_digest(const int16_t *row, uint8_t inputs)
{
    uint8_t sum = 0, sums = 0;

    for (; inputs != 0; inputs--) {
        const uint16_t value = (uint16_t)*row++;
        sum = tinygen_add255(sum, (uint8_t)value);
        sums = tinygen_add255(sums, sum);
        sum = tinygen_add255(sum, (uint8_t)(value >> 8));
        sums = tinygen_add255(sums, sum);
    }
    sum = (uint8_t)(sum == 255u ? 0u : sum);
    sums = (uint8_t)(sums == 255u ? 0u : sums);
    return (uint16_t)((uint16_t)sums << 8 | sum);
}

#ifdef __cplusplus
}
#endif

#endif
