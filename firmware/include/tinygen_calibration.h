/* tinygen_calibration.h -- gain and offset of the model's output, told over the wire and kept in
 * EEPROM. Without MODEL_RECALIBRATES all of it is empty, and costs nothing.
 *
 * Two slots at the end of the EEPROM take turns:
 *
 *     mark 1 | sequence 1 | model id 4 | gain 2 | offset 4 | crc 2      little endian
 *
 * mark is the version of this layout, or FF: empty. crc is CRC-16/X-25 over sequence..offset. Of
 * two good slots the later one counts: its sequence is ahead, modulo 256.
 *
 * Power may fail at any byte. The slot in force is never touched: the other one is first marked
 * empty, then filled, and its mark is written last. So there is the old calibration until there is
 * the new one. What is taken back is the older slot first, so that it cannot come back to life.
 */
#ifndef TINYGEN_CALIBRATION_H
#define TINYGEN_CALIBRATION_H

#if MODEL_RECALIBRATES

#include <avr/eeprom.h>

#include "tinygen_protocol.h"

#define CALIBRATION_LAYOUT 1u
#define CALIBRATION_EMPTY 0xFFu
#define CALIBRATION_BYTES 14u
#define CALIBRATION_AT(slot) ((uint8_t *)(E2END + 1u - (2u - (slot)) * CALIBRATION_BYTES))
#define CALIBRATION_PAYLOAD TINYGEN_CALIBRATION_BYTES

typedef struct {
    uint16_t state; /* TINYGEN_UNCALIBRATED, ... */
    uint16_t gain;
    int32_t offset;
    uint32_t model_id;
} calibration;

static calibration stored;      /* what the EEPROM holds */
static uint8_t stored_slot;     /* where; the other one is written next */
static uint8_t stored_sequence;

/* Reads a slot; false if it is empty or damaged. */
static bool calibration_slot(uint8_t slot, uint8_t record[CALIBRATION_BYTES])
{
    uint16_t crc = TINYGEN_PLAIN_SEED;

    eeprom_read_block(record, CALIBRATION_AT(slot), CALIBRATION_BYTES);
    for (uint8_t i = 1; i < CALIBRATION_BYTES; i++)
        crc = tinygen_crc(crc, record[i]);
    return record[0] == CALIBRATION_LAYOUT && crc == TINYGEN_RESIDUE;
}

/* True if the proof of the model holds with these. */
static bool calibration_in_range(uint16_t gain, int32_t offset)
{
    return gain >= MODEL_LEAST_GAIN && gain <= MODEL_MOST_GAIN && offset >= -MODEL_MOST_OFFSET
           && offset <= MODEL_MOST_OFFSET;
}

/* Takes the later good slot, if it is for this model, else no change. */
static void calibration_load(void)
{
    uint8_t record[CALIBRATION_BYTES];
    bool any = false;

    stored.state = TINYGEN_UNCALIBRATED;
    stored.gain = MODEL_NO_GAIN;
    stored.offset = 0;
    stored.model_id = MODEL_ID;
    for (uint8_t slot = 0; slot < 2; slot++) {
        if (!calibration_slot(slot, record))
            continue;
        if (any && (int8_t)(record[1] - stored_sequence) <= 0)
            continue;
        any = true;
        stored_slot = slot;
        stored_sequence = record[1];
        stored.model_id = tinygen_get32(record + 2);
        stored.gain = tinygen_get16(record + 6);
        stored.offset = (int32_t)tinygen_get32(record + 8);
        stored.state = stored.model_id == MODEL_ID ? TINYGEN_CALIBRATED : TINYGEN_FOREIGN;
    }
    if (stored.state == TINYGEN_CALIBRATED && !calibration_in_range(stored.gain, stored.offset))
        stored.state = TINYGEN_UNUSABLE;
    const bool used = stored.state == TINYGEN_CALIBRATED;
    model_calibration.gain = used ? stored.gain : MODEL_NO_GAIN;
    model_calibration.offset = used ? stored.offset : 0;
}

/* Writes the slot that is not in force; 15 bytes take 50 ms. */
static void calibration_store(uint16_t gain, int32_t offset)
{
    uint8_t record[CALIBRATION_BYTES];
    const uint8_t slot = stored_slot ^ 1u;
    uint16_t crc = TINYGEN_PLAIN_SEED;
    uint8_t *to = record + 1;

    *to++ = (uint8_t)(stored_sequence + 1u);
    to = tinygen_put32(to, MODEL_ID);
    to = tinygen_put16(to, gain);
    to = tinygen_put32(to, (uint32_t)offset);
    for (uint8_t i = 1; i < CALIBRATION_BYTES - 2u; i++)
        crc = tinygen_crc(crc, record[i]);
    tinygen_put16(to, (uint16_t)~crc);

    eeprom_update_byte(CALIBRATION_AT(slot), CALIBRATION_EMPTY);
    eeprom_update_block(record + 1, CALIBRATION_AT(slot) + 1, CALIBRATION_BYTES - 1u);
    eeprom_update_byte(CALIBRATION_AT(slot), CALIBRATION_LAYOUT);
}

static void calibration_undo(void)
{
    eeprom_update_byte(CALIBRATION_AT(stored_slot ^ 1u), CALIBRATION_EMPTY);
    eeprom_update_byte(CALIBRATION_AT(stored_slot), CALIBRATION_EMPTY);
}

/* What INFO says of it. */
static uint8_t calibration_traits(void)
{
    if (stored.state == TINYGEN_CALIBRATED)
        return TINYGEN_INFO_CALIBRATED;
    return stored.state == TINYGEN_UNCALIBRATED ? 0 : TINYGEN_INFO_FOREIGN;
}

/* True for the one frame that other boards do not know. */
static bool calibration_asked(const tinygen_parser *p)
{
    return tinygen_type(p) == TINYGEN_CALIBRATE;
}

/* 0, or the error code that a well-formed frame deserves. */
static uint8_t frame_refusal(const tinygen_parser *p, bool corrupt)
{
    const uint8_t *from = tinygen_payload(p);

    if (!calibration_asked(p))
        return tinygen_refusal(p, MODEL_INPUTS, MODEL_ID, session, corrupt);
    if (tinygen_len(p) != CALIBRATION_PAYLOAD)
        return TINYGEN_BAD_LEN;
    if (tinygen_session(p) != session)
        return TINYGEN_WRONG_SESSION;
    if (tinygen_get32(from + 8) != MODEL_ID)
        return TINYGEN_WRONG_MODEL;
    if (corrupt)
        return TINYGEN_MODEL_CORRUPT;
    if (tinygen_get16(from) > TINYGEN_CALIBRATION_UNDO
        || (tinygen_get16(from) == TINYGEN_CALIBRATION_SET
            && !calibration_in_range(tinygen_get16(from + 2), (int32_t)tinygen_get32(from + 4))))
        return TINYGEN_BAD_CALIBRATION;
    return 0;
}

/* Does what the frame asks for and writes what the EEPROM then holds into `payload`. What is
 * stored already is not written again. */
static void calibration_answer(const tinygen_parser *p, uint8_t *payload)
{
    const uint8_t *from = tinygen_payload(p);
    const uint16_t command = tinygen_get16(from), gain = tinygen_get16(from + 2);
    const int32_t offset = (int32_t)tinygen_get32(from + 4);

    if (command == TINYGEN_CALIBRATION_UNDO)
        calibration_undo();
    else if (command == TINYGEN_CALIBRATION_SET
             && (stored.state != TINYGEN_CALIBRATED || stored.gain != gain
                 || stored.offset != offset))
        calibration_store(gain, offset);
    calibration_load();
    payload = tinygen_put16(payload, stored.state);
    payload = tinygen_put16(payload, stored.gain);
    payload = tinygen_put32(payload, (uint32_t)stored.offset);
    tinygen_put32(payload, stored.model_id);
}

#else

#define CALIBRATION_PAYLOAD 0u
static inline void calibration_load(void) {}
static inline uint8_t calibration_traits(void) { return 0; }
#define calibration_asked(p) 0
static inline void calibration_answer(const tinygen_parser *, uint8_t *) {}
#define frame_refusal(p, corrupt) tinygen_refusal(p, MODEL_INPUTS, MODEL_ID, session, corrupt)

#endif

#endif
