/* The tinygen firmware: receive a row, predict, set the LED, answer.
 *
 * Red is lit beyond the alarm threshold, green otherwise (exactly at it is green; tinygen_alarm.h
 * has options); with an LED for each class that of the answer. All are dark when there is no valid
 * answer: after a reset, for a row with a missing value, where the model is not sure, its error bar
 * leaves the alarm open, or its first window has not ended, when no valid row has come for
 * TINYGEN_STALE_MS, and for good when the program in flash is not the one that was built: an old
 * answer must not look like a fresh one. */
#include <Arduino.h>

#include "tinygen_model.h"

#define MORE_INFO (MODEL_MOST_VALUES > 1 || MODEL_REMEMBERS || MODEL_COUNT > 1)
#if MORE_INFO
#define TINYGEN_PROTOCOL_VERSION (MODEL_COUNT > 1 ? 3u : 2u)
#endif
#define ROW_BYTES (2u * MODEL_MOST_INPUTS + TINYGEN_NUMBER_BYTES)
#define TINYGEN_BODY_MAX (6u + (ROW_BYTES < MODEL_ASKED ? MODEL_ASKED : ROW_BYTES))
#include "tinygen_protocol.h"
static_assert(ROW_BYTES <= 248, "a row of so many inputs does not fit one frame");

#include "tinygen_alarm.h"
#include "tinygen_chip.h"
#include "tinygen_calibration.h"
#include "tinygen_class_leds.h"
#include "tinygen_models.h"

#ifndef TINYGEN_BAUD
#define TINYGEN_BAUD 250000L
#endif
#ifndef TINYGEN_STALE_MS /* 0: the last answer stays lit for ever */
#define TINYGEN_STALE_MS 5000UL
#endif

#define ALARM_FLAGS (TINYGEN_ALARM_DARK_OUTSIDE ? TINYGEN_INFO_DARK_OUTSIDE : 0)

/* As many rows as the receive ring holds: they wait there while one is computed. An alarm or a
 * model that remembers must see the rows in their order, also when one is sent again: one at a
 * time. */
#define ROW_FRAME TINYGEN_FRAME_BYTES(ROW_BYTES)
#define REMEMBERS (TINYGEN_ALARM_REMEMBERS || MODEL_REMEMBERS)
#define ONE_AT_A_TIME (REMEMBERS || TINYGEN_RX_RING < ROW_FRAME)
#define WINDOW (ONE_AT_A_TIME ? 1u : TINYGEN_RX_RING / ROW_FRAME)

#define INFO_BYTES (TINYGEN_INFO_BYTES + (MORE_INFO ? TINYGEN_MORE_INFO : 0u) + MODEL_PLACE_BYTES)
#define RESULT_OF(values) (TINYGEN_NUMBER_BYTES + TINYGEN_RESULT_BYTES + 2u * ((values) - 1u))
#define LONGEST_RESULT RESULT_OF(MODEL_MOST_VALUES)
#define LONGEST_PAYLOAD (INFO_BYTES < LONGEST_RESULT ? LONGEST_RESULT : INFO_BYTES)
#define LONGEST_ANSWER TINYGEN_FRAME_BYTES(LONGEST_PAYLOAD)
#define DAMAGE_PAUSE_MS 100UL

static tinygen_parser received;
static uint8_t frame[LONGEST_ANSWER];                       /* the answer being written */
static uint8_t *const payload = frame + TINYGEN_PAYLOAD_AT; /* its payload, already in its place */

static bool corrupt;            /* the program in flash is not the one that was built */
static tinygen_alarm alarm_states[MODEL_COUNT];
#define alarm_state alarm_states[MODEL_NUMBER]
static uint32_t rows_answered;
static uint32_t last_row_ms;    /* of the last row that lit an LED */
static bool lit;
static uint16_t frames_damaged, frames_refused;
static uint16_t overruns_reported;
static bool damage_told;        /* since the last good frame */
static uint32_t damage_told_ms;

/* ---- LEDs ----------------------------------------------------------------------------------- */

static void show(bool red, bool green)
{
    digitalWrite(TINYGEN_RED_PIN, red);
    digitalWrite(TINYGEN_GREEN_PIN, green);
    class_leds_dark();
    lit = red || green;
}

/* A corrupt board leaves its pins dark, as a reset did: Arduino's tables of pins may be what is
 * corrupt. */
static void leds_begin(void)
{
    pinMode(TINYGEN_RED_PIN, OUTPUT);
    pinMode(TINYGEN_GREEN_PIN, OUTPUT);
    class_leds_begin();
    show(false, false);
}

/* What the pins really are, not what was asked of them. */
static uint8_t pins_now(void)
{
    if (corrupt)
        return 0;
    return (uint8_t)((digitalRead(TINYGEN_RED_PIN) ? TINYGEN_PIN_RED : 0)
                     | (digitalRead(TINYGEN_GREEN_PIN) ? TINYGEN_PIN_GREEN : 0)
                     | class_leds_now());
}

static void darken_when_stale(void)
{
    if (TINYGEN_STALE_MS != 0 && lit && millis() - last_row_ms > TINYGEN_STALE_MS)
        show(false, false);
}

/* ---- one row -------------------------------------------------------------------------------- */

/* Reads the row; true if a value is missing. */
static bool read_row(int16_t row[MODEL_MOST_INPUTS])
{
    const uint8_t *from = tinygen_payload(&received) + TINYGEN_NUMBER_BYTES;
    bool missing = false;

    for (uint8_t i = 0; i < MODEL_INPUTS; i++) {
        row[i] = (int16_t)tinygen_get16(from + 2 * i);
        missing |= row[i] == INT16_MIN;
    }
    return missing;
}

/* Brings every value into the range the model accepts; true if that changed one. */
static bool clamp_row(int16_t row[MODEL_MOST_INPUTS])
{
    bool clamped = false;

    for (uint8_t i = 0; i < MODEL_INPUTS; i++) {
        const int16_t lowest = TINYGEN_READ_I16(&model_range[i][0]);
        const int16_t highest = TINYGEN_READ_I16(&model_range[i][1]);
        if (row[i] < lowest || row[i] > highest) {
            row[i] = row[i] < lowest ? lowest : highest;
            clamped = true;
        }
    }
    return clamped;
}

/* True if the frame is the last row once more, because its answer got lost: it must not count
 * twice. Its number tells, within the session, and a reset forgets both; the check sum alone would
 * not do, but with it another host's row of the same number counts. */
static bool row_again(void)
{
    static uint16_t last_fcs;
    static uint8_t last_seq;
    static bool any;
    const uint16_t fcs =
        tinygen_get16(tinygen_payload(&received) + TINYGEN_NUMBER_BYTES + 2 * MODEL_INPUTS);
    const uint8_t seq = tinygen_seq(&received);
    const bool again = any && seq == last_seq && fcs == last_fcs;

    any = true;
    last_seq = seq;
    last_fcs = fcs;
    return again;
}

/* Lights the LED that the answer asks for. */
static void show_answer(int16_t y, bool again)
{
    if (MODEL_SHOWS_CLASSES) {
        class_leds_show(y);
        lit = true;
    } else {
        if (MODEL_HAS_ALARM && !again)
            model_alarm(&alarm_state, y);
        show(alarm_state.red, !alarm_state.red);
    }
    last_row_ms = millis();
}

/* The one call of the model: never inlined, so that what is measured is the model alone. */
#if MODEL_MOST_VALUES > 1
static int16_t values[MODEL_MOST_VALUES]; /* of the row being answered, the prediction first */

static __attribute__((noinline, noclone)) int16_t model_run(const int16_t *row)
{
    model_values(row, values);
    return values[0];
}

/* Writes the values behind the prediction; each is "no value" where that is. */
static void put_more(uint8_t *to, bool missing)
{
    for (uint8_t i = 1; i < MODEL_VALUES; i++)
        to = tinygen_put16(to, missing ? (uint16_t)INT16_MIN : (uint16_t)values[i]);
}
#else
static __attribute__((noinline, noclone)) int16_t model_run(const int16_t *row)
{
    return model_predict(row);
}

static inline void put_more(uint8_t *, bool) {}
#endif

/* The prediction, between two marks for the simulator; `cycles` is what the chip measured. */
static int16_t predict(const int16_t *row, uint32_t &cycles)
{
    Stopwatch watch;

    stopwatch_start(watch);
    mark(1);
    int16_t y = model_run(row);
    __asm__ __volatile__("" : : "r"(y) : "memory"); /* y is ready before the next mark */
    mark(2);
    cycles = stopwatch_stop(watch);
    return y;
}

#if MODEL_REMEMBERS
/* A sample counts once: sent again, it gets the answer that it got. */
static int16_t sample_answer(const int16_t *row, bool again, uint32_t &cycles)
{
    static uint32_t last_cycles;
    const int16_t y = again ? model_result() : predict(row, last_cycles);

    cycles = last_cycles;
    return y;
}
#else
#define sample_answer(row, again, cycles) predict(row, cycles)
#endif

static void answer_row(void)
{
    int16_t row[MODEL_MOST_INPUTS];
    int16_t y = INT16_MIN;
    uint32_t cycles = 0;
    uint8_t flags = 0;
    const bool again = REMEMBERS && row_again();
    uint8_t *const answer = payload + TINYGEN_NUMBER_BYTES;

    if (read_row(row)) {
        flags = TINYGEN_MISSING;
        model_start();
        show(false, false);
    } else {
        if (clamp_row(row))
            flags = TINYGEN_CLAMPED;
        y = sample_answer(row, again, cycles);
        const bool dark = TINYGEN_ALARM_DARK_OUTSIDE && flags;
        if (model_not_sure(y))
            flags |= TINYGEN_NOT_SURE;
        if (dark || model_not_sure(y) || model_unsure(y))
            show(false, false);
        else
            show_answer(y, again);
    }
    rows_answered++;

    model_put_number(payload);
    answer[0] = flags;
    answer[1] = pins_now();
    uint8_t *to = tinygen_put16(answer + 2, (uint16_t)y);
    to = tinygen_put16(to, tinygen_digest(row, MODEL_INPUTS));
    tinygen_put32(to, cycles);
    put_more(answer + TINYGEN_RESULT_BYTES, flags & TINYGEN_MISSING);
}

/* ---- answers -------------------------------------------------------------------------------- */

static void send(uint8_t type, uint8_t seq, uint8_t length)
{
    tinygen_encode(frame, type, session, seq, length, MODEL_SEED);
    serial_write(frame, (uint8_t)TINYGEN_FRAME_BYTES(length));
}

static void send_error(uint8_t code, uint8_t detail, uint8_t seq)
{
    payload[0] = code;
    payload[1] = detail;
    send(TINYGEN_ERR, seq, 2);
}

/* Read and not folded: the code around it then is the same with and without a model, and their
 * difference is the model. */
static const uint8_t model_flags TINYGEN_ROM = MODEL_FLAGS;

static void send_info(uint8_t seq)
{
    payload[0] = TINYGEN_PROTOCOL_VERSION;
    payload[1] = pgm_read_byte(&model_flags) | ALARM_FLAGS | (corrupt ? TINYGEN_INFO_CORRUPT : 0)
                 | calibration_traits();
    payload[2] = MODEL_INPUTS;
    payload[3] = WINDOW;
    payload[4] = ROW_BYTES;
    payload[5] = reset_cause;
    uint8_t *to = tinygen_put32(payload + 6, MODEL_ID);
    to = tinygen_put32(to, TINYGEN_BAUD);
    to = tinygen_put16(to, atomic_read(serial_overruns));
    to = tinygen_put16(to, atomic_read(serial_framing));
    to = tinygen_put16(to, frames_damaged);
    to = tinygen_put16(to, TINYGEN_ALARM_HYSTERESIS);
    *to++ = TINYGEN_ALARM_DEBOUNCE;
    strncpy_P(reinterpret_cast<char *>(to), board_name, TINYGEN_BOARD_BYTES);
    strncpy_P(reinterpret_cast<char *>(to) + TINYGEN_BOARD_BYTES, model_name, TINYGEN_NAME_BYTES);
    if (MORE_INFO) {
        payload[TINYGEN_INFO_BYTES] = MODEL_VALUES;
        payload[TINYGEN_INFO_BYTES + 1] = MODEL_CLASS_LEDS > 2 ? MODEL_CLASS_LEDS : 2;
        model_put_place(payload + TINYGEN_INFO_BYTES + TINYGEN_MORE_INFO);
    }
    send(TINYGEN_INFO, seq, INFO_BYTES);
}

static void send_status(uint8_t seq)
{
    uint8_t *to = tinygen_put32(payload, rows_answered);
    to = tinygen_put16(to, atomic_read(serial_overruns));
    to = tinygen_put16(to, atomic_read(serial_framing));
    to = tinygen_put16(to, frames_damaged);
    to = tinygen_put16(to, frames_refused);
    to = tinygen_put16(to, stack_free());
    to = tinygen_put32(to, millis());
    to[0] = reset_cause;
    to[1] = pins_now();
    send(TINYGEN_STATUS, seq, TINYGEN_STATUS_BYTES);
}

/* ---- the link ------------------------------------------------------------------------------- */

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
    model_choose(&received);
    if (verdict == TINYGEN_READY)
        verdict = frame_refusal(&received, corrupt);
    if (verdict != 0) {
        frames_refused++;
        send_error(verdict, tinygen_detail(&received, verdict, MODEL_INPUTS), seq);
    } else if (tinygen_type(&received) == TINYGEN_ROW) {
        answer_row();
        send(TINYGEN_RESULT, seq, RESULT_OF(MODEL_VALUES));
    } else if (tinygen_type(&received) == TINYGEN_HELLO) {
        send_info(seq);
    } else if (calibration_asked(&received)) {
        calibration_answer(&received, payload);
        send(TINYGEN_CALIBRATION, seq, CALIBRATION_PAYLOAD);
    } else {
        send_status(seq);
    }
}

static void report_overrun(void)
{
    const uint16_t overruns = atomic_read(serial_overruns);

    if (overruns == overruns_reported)
        return;
    overruns_reported = overruns;
    send_error(TINYGEN_OVERRUN, (uint8_t)overruns, 0);
}

/* Takes bytes up to the end of one frame and answers it. */
static void receive(void)
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
        return;
    }
}

void setup()
{
    chip_begin();
    model_begin(&received);
    corrupt = !image_intact() || !tinygen_in_reach();
    if (!corrupt)
        leds_begin();
    calibration_load();
    watchdog_begin();
    serial_begin(TINYGEN_BAUD);
    send_info(0);
}

void loop()
{
    watchdog_feed();
    darken_when_stale();
    if (serial_room() < LONGEST_ANSWER)
        return; /* bytes wait in the ring, the board never does */
    report_overrun();
    receive();
}
