/* tinygen_models.h -- the names of board and model, and which model a frame is for where the board
 * has several.
 *
 * With MODEL_COUNT 1 there is only what the rest of the firmware calls, and it takes no flash. With
 * more, tinygen_model.h has the table of them, and `model_now` is the one that the frame being
 * answered is for: MODEL_INPUTS and the others read it. The LEDs show the answer to the last row,
 * whichever model gave it; each model has an alarm of its own.
 */
#ifndef TINYGEN_MODELS_H
#define TINYGEN_MODELS_H

#include "tinygen_protocol.h"

#ifndef TINYGEN_BOARD
#define TINYGEN_BOARD "unknown"
#endif

static const char board_name[] TINYGEN_ROM = TINYGEN_BOARD;

#if MODEL_COUNT > 1

#define MODEL_SEED TINYGEN_PLAIN_SEED /* the model's own value comes behind its number */
#define MODEL_PLACE_BYTES TINYGEN_PLACE_BYTES

static void model_take(uint8_t number)
{
    memcpy_P(&model_now, &models[number], sizeof model_now);
    model_number = number;
}

static void model_begin(tinygen_parser *p)
{
    p->seed = MODEL_SEED;
    model_take(0);
}

/* Takes the model of a frame that names one; any other HELLO means the first. */
static void model_choose(const tinygen_parser *p)
{
    const uint8_t *from = tinygen_payload(p);
    const uint8_t type = tinygen_type(p), len = tinygen_len(p);

    if (type != TINYGEN_ROW && type != TINYGEN_HELLO)
        return;
    if ((type == TINYGEN_ROW || len == TINYGEN_NUMBER_BYTES) && tinygen_is_number(from)) {
        model_take(from[0]);
    } else {
        for (uint8_t number = MODEL_COUNT; number-- != 0;) {
            model_take(number);
            if (len == 4 && tinygen_get32(from) == MODEL_ID)
                return;
        }
    }
}

static inline void model_put_number(uint8_t *to)
{
    to[0] = model_number;
    to[1] = (uint8_t)~model_number;
}

static inline void model_put_place(uint8_t *to)
{
    to[0] = model_number;
    to[1] = MODEL_COUNT;
}

#else

static const char model_name[] TINYGEN_ROM = MODEL_NAME;

#define MODEL_SEED TINYGEN_SEED(MODEL_ID)
#define MODEL_PLACE_BYTES 0u
static inline void model_begin(tinygen_parser *p) { p->seed = MODEL_SEED; }
static inline void model_choose(const tinygen_parser *) {}
static inline void model_put_number(uint8_t *) {}
static inline void model_put_place(uint8_t *) {}

#endif

#endif
