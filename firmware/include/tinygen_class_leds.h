/* tinygen_class_leds.h -- LEDs where each class has one of its own.
 *
 * MODEL_CLASS_LEDS is the number of LEDs: class 0 lights the red one, 1 the green one, 2 the third,
 * 3 the fourth. With 0 there is nothing here, and it takes no flash.
 */
#ifndef TINYGEN_CLASS_LEDS_H
#define TINYGEN_CLASS_LEDS_H

#if MODEL_CLASS_LEDS > 4
#error "MODEL_CLASS_LEDS is 0 .. 4"
#endif

/* Lights the LED of a class, and only that. */
static inline void class_leds_show(int16_t answer)
{
    (void)answer;
#if MODEL_CLASS_LEDS > 0
    digitalWrite(TINYGEN_RED_PIN, answer == 0);
    digitalWrite(TINYGEN_GREEN_PIN, answer == 1);
#endif
#if MODEL_CLASS_LEDS > 2
    digitalWrite(TINYGEN_THIRD_PIN, answer == 2);
#endif
#if MODEL_CLASS_LEDS > 3
    digitalWrite(TINYGEN_FOURTH_PIN, answer == 3);
#endif
}

/* Darkens the third and the fourth. */
static inline void class_leds_dark(void)
{
#if MODEL_CLASS_LEDS > 2
    digitalWrite(TINYGEN_THIRD_PIN, false);
#endif
#if MODEL_CLASS_LEDS > 3
    digitalWrite(TINYGEN_FOURTH_PIN, false);
#endif
}

static inline void class_leds_begin(void)
{
#if MODEL_CLASS_LEDS > 2
    pinMode(TINYGEN_THIRD_PIN, OUTPUT);
#endif
#if MODEL_CLASS_LEDS > 3
    pinMode(TINYGEN_FOURTH_PIN, OUTPUT);
#endif
}

/* What the third and the fourth pin really are. */
static inline uint8_t class_leds_now(void)
{
    uint8_t pins = 0;
#if MODEL_CLASS_LEDS > 2
    pins |= digitalRead(TINYGEN_THIRD_PIN) ? TINYGEN_PIN_THIRD : 0;
#endif
#if MODEL_CLASS_LEDS > 3
    pins |= digitalRead(TINYGEN_FOURTH_PIN) ? TINYGEN_PIN_FOURTH : 0;
#endif
    return pins;
}

#endif
