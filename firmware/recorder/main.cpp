/* The recording firmware: samples from the timer's interrupt into a ring, from the ring into
 * frames, and again when the host asks for some that it did not get.
 *
 * It never waits. What the host does not fetch in time is overwritten and counted, and every frame
 * says which is the oldest sample that can still be had.
 */
#include <Arduino.h>
#include <avr/sleep.h>

#define TINYGEN_RX_RING 64u /* three commands */
#define TINYGEN_BODY_MAX 16u
#include "tinygen_chip.h"

#include "tinygen_channels.h"
#ifdef RECORD_SENSOR
#include "tinygen_sensor.h"
#else
#include "tinygen_pins.h"
#endif

#ifndef TINYGEN_BAUD
#define TINYGEN_BAUD 250000L
#endif
#ifndef TINYGEN_BOARD
#define TINYGEN_BOARD "unknown"
#endif

#define FRAME_SAMPLES (48u / RECORD_CHANNELS) /* in a full frame, which the ring of bytes holds */
#define SAMPLE_BYTES (2u * RECORD_CHANNELS)
#define LONGEST_PAYLOAD (TINYGEN_SAMPLES_BYTES + FRAME_SAMPLES * SAMPLE_BYTES)
#define LONGEST_FRAME TINYGEN_FRAME_BYTES(LONGEST_PAYLOAD)
#define FLUSH_MS 100UL /* no sample waits longer for its frame to fill, and the board is heard */
#define DAMAGE_PAUSE_MS 100UL
#if LONGEST_FRAME > TINYGEN_TX_RING
#error "a frame of samples does not fit the ring for bytes"
#endif

static const char board_name[] TINYGEN_ROM = TINYGEN_BOARD;
static const char program_name[] TINYGEN_ROM = RECORD_NAME;

static tinygen_parser received;
static uint8_t frame[LONGEST_FRAME];
static uint8_t *const payload = frame + TINYGEN_PAYLOAD_AT;

static bool corrupt;              /* the program in flash is not the one that was built */
static bool recording;            /* samples are sent; they were all taken when `sampling` ends */
static uint8_t recording_seq;     /* of the START it answers */
static uint32_t next_new;         /* number of the first sample that was never sent */
static uint32_t again_from;       /* the host wants these once more */
static uint16_t again_left;
static uint16_t samples_unsent;   /* overwritten before they were sent */
static uint32_t sent_ms;
static uint16_t frames_damaged, frames_refused;
static bool damage_told;          /* since the last good frame */
static uint32_t damage_told_ms;

/* ---- answers -------------------------------------------------------------------------------- */

static void send(uint8_t type, uint8_t seq, uint8_t length)
{
    tinygen_encode(frame, type, session, seq, length, TINYGEN_SEED(RECORD_ID));
    serial_write(frame, (uint8_t)TINYGEN_FRAME_BYTES(length));
}

static void send_error(uint8_t code, uint8_t detail, uint8_t seq)
{
    payload[0] = code;
    payload[1] = detail;
    send(TINYGEN_ERR, seq, 2);
}

static void send_info(uint8_t seq)
{
    payload[0] = TINYGEN_PROTOCOL_VERSION;
    payload[1] = corrupt ? TINYGEN_INFO_CORRUPT : 0;
    payload[2] = RECORD_CHANNELS;
    payload[3] = 1;
    payload[4] = TINYGEN_RECORD_BYTES;
    payload[5] = reset_cause;
    uint8_t *to = tinygen_put32(payload + 6, RECORD_ID);
    to = tinygen_put32(to, TINYGEN_BAUD);
    to = tinygen_put16(to, atomic_read(serial_overruns));
    to = tinygen_put16(to, atomic_read(serial_framing));
    to = tinygen_put16(to, frames_damaged);
    to = tinygen_put16(to, 0);
    *to++ = 0;
    strncpy_P((char *)to, board_name, TINYGEN_BOARD_BYTES);
    strncpy_P((char *)to + TINYGEN_BOARD_BYTES, program_name, TINYGEN_NAME_BYTES);
    send(TINYGEN_INFO, seq, TINYGEN_INFO_BYTES);
}

/* ---- samples -------------------------------------------------------------------------------- */

static uint32_t taken_now(void)
{
    uint32_t value;
    ATOMIC_BLOCK(ATOMIC_RESTORESTATE) { value = samples_taken; }
    return value;
}

static uint32_t oldest_of(uint32_t taken)
{
    return taken < RING_SAMPLES ? 0 : taken - (RING_SAMPLES - 1u);
}

/* Copies samples out of the ring; true if none was overwritten meanwhile. */
static bool copy_samples(uint8_t *to, uint32_t first, uint8_t count)
{
    uint16_t slot, behind;

    ATOMIC_BLOCK(ATOMIC_RESTORESTATE)
    {
        slot = ring_slot;
        behind = (uint16_t)(samples_taken - first);
    }
    slot = slot >= behind ? slot - behind : slot + RING_SAMPLES - behind;
    for (; count != 0; count--) {
        for (uint8_t i = 0; i < RECORD_CHANNELS; i++)
            to = tinygen_put16(to, (uint16_t)ring[slot][i]);
        slot = slot + 1u == RING_SAMPLES ? 0 : slot + 1u;
    }
    return first >= oldest_of(taken_now());
}

/* Sends `count` samples, at most FRAME_SAMPLES; 0 of them tell how far the board is. False where
 * some of them are overwritten already: the next call begins at the oldest. */
static bool send_samples(uint32_t first, uint8_t count)
{
    uint8_t *to = payload + TINYGEN_SAMPLES_BYTES;

    if (count != 0 && !copy_samples(to, first, count))
        return false;
    to = tinygen_put32(payload, first);
    to = tinygen_put32(to, oldest_of(taken_now()));
    to = tinygen_put16(to, samples_unsent);
    tinygen_put16(to, atomic_read(samples_late));
    send(TINYGEN_SAMPLES, recording_seq, (uint8_t)(TINYGEN_SAMPLES_BYTES + count * SAMPLE_BYTES));
    sent_ms = millis();
    return true;
}

static uint8_t at_most_a_frame(uint32_t count)
{
    return count < FRAME_SAMPLES ? (uint8_t)count : FRAME_SAMPLES;
}

/* Sends what the host asked for again; true if it sent something. */
static bool send_again(void)
{
    const uint32_t oldest = oldest_of(taken_now());

    while (again_left != 0 && again_from < oldest) {
        again_from++;
        again_left--;
    }
    if (again_left == 0)
        return false;
    const uint8_t count = at_most_a_frame(again_left);
    (void)send_samples(again_from, count);
    again_from += count;
    again_left -= count;
    return true;
}

/* Sends new samples once they fill a frame, or have waited, or are the last. */
static bool send_new(void)
{
    const uint32_t taken = taken_now(), oldest = oldest_of(taken);

    if (next_new < oldest) {
        samples_unsent += (uint16_t)(oldest - next_new);
        next_new = oldest;
    }
    const uint32_t waiting = taken - next_new;
    if (waiting < FRAME_SAMPLES && sampling && millis() - sent_ms < FLUSH_MS)
        return false;
    if (waiting == 0 && millis() - sent_ms < FLUSH_MS)
        return false;
    const uint8_t count = at_most_a_frame(waiting);
    if (send_samples(next_new, count))
        next_new += count; /* else those that are lost are counted as they are passed over */
    return true;
}

/* ---- commands ------------------------------------------------------------------------------- */

static void start(uint8_t seq, const uint8_t *command)
{
    if (!recording || seq != recording_seq) { /* not the same START once more */
        recording = false;
        next_new = 0;
        again_left = samples_unsent = 0;
        const uint8_t error = sampling_start(tinygen_get16(command + 2), tinygen_get16(command + 4),
                                             tinygen_get32(command + 6));
        if (error != 0)
            return send_error(TINYGEN_NO_SENSOR, error, seq);
        recording_seq = seq;
        recording = true;
    }
    send_samples(next_new, 0);
}

static void obey(uint8_t seq, const uint8_t *command)
{
    switch (command[0]) {
    case TINYGEN_START:
        start(seq, command);
        break;
    case TINYGEN_AGAIN: {
        const uint32_t from = tinygen_get32(command + 6), limit = next_new;
        const uint16_t count = tinygen_get16(command + 2);
        again_from = from;
        again_left = from >= limit ? 0 : limit - from < count ? (uint16_t)(limit - from) : count;
        break;
    }
    default:
        sampling_stop(); /* what was taken is still sent */
    }
}

/* 0, or the error code a well-formed frame deserves. */
static uint8_t refusal(void)
{
    const uint8_t type = tinygen_type(&received);

    if (type == TINYGEN_ROW)
        return TINYGEN_BAD_TYPE;
    if (type != TINYGEN_RECORD)
        return tinygen_refusal(&received, 0, RECORD_ID, session, corrupt);
    if (tinygen_len(&received) != TINYGEN_RECORD_BYTES)
        return TINYGEN_BAD_LEN;
    if (tinygen_session(&received) != session)
        return TINYGEN_WRONG_SESSION;
    return corrupt ? (uint8_t)TINYGEN_MODEL_CORRUPT : 0u;
}

static void send_status(uint8_t seq)
{
    uint8_t *to = tinygen_put32(payload, taken_now());
    to = tinygen_put16(to, atomic_read(serial_overruns));
    to = tinygen_put16(to, atomic_read(serial_framing));
    to = tinygen_put16(to, frames_damaged);
    to = tinygen_put16(to, frames_refused);
    to = tinygen_put16(to, stack_free());
    to = tinygen_put32(to, millis());
    to[0] = reset_cause;
    to[1] = 0;
    send(TINYGEN_STATUS, seq, TINYGEN_STATUS_BYTES);
}

/* Noise must not become a storm of answers: one per good frame, else one per pause. */
static void report_damage(void)
{
    frames_damaged++;
    if (damage_told && millis() - damage_told_ms < DAMAGE_PAUSE_MS)
        return;
    damage_told = true;
    damage_told_ms = millis();
    send_error(TINYGEN_BAD_FCS, 0, 0);
}

static void answer_frame(uint8_t verdict)
{
    const uint8_t seq = tinygen_seq(&received);

    damage_told = false;
    if (verdict == TINYGEN_READY)
        verdict = refusal();
    if (verdict != 0) {
        frames_refused++;
        send_error(verdict, tinygen_detail(&received, verdict, 0), seq);
    } else if (tinygen_type(&received) == TINYGEN_RECORD) {
        obey(seq, tinygen_payload(&received));
    } else if (tinygen_type(&received) == TINYGEN_HELLO) {
        send_info(seq);
    } else {
        send_status(seq);
    }
}

/* Takes bytes up to the end of one frame and answers it; true if there was one. */
static bool receive(void)
{
    int16_t octet;

    while ((octet = serial_read()) >= 0) {
        const uint8_t verdict = tinygen_feed(&received, (uint8_t)octet);
        if (verdict == TINYGEN_MORE)
            continue;
        if (verdict == TINYGEN_BAD_FCS)
            report_damage();
        else
            answer_frame(verdict);
        return true;
    }
    return false;
}

void setup()
{
    chip_begin();
    received.seed = TINYGEN_SEED(RECORD_ID);
    corrupt = !image_intact();
    if (!corrupt)
        sampling_stop();
    watchdog_begin();
    serial_begin(TINYGEN_BAUD);
    set_sleep_mode(SLEEP_MODE_IDLE);
    send_info(0);
}

/* An interrupt wakes the chip: a byte, a conversion, or the clock after at most 1 ms. */
void loop()
{
    watchdog_feed();
    if (serial_room() < LONGEST_FRAME)
        sleep_mode();
    else if (!receive() && !(recording && (send_again() || send_new())))
        sleep_mode();
}
