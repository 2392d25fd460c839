/* Timer 1 as Arduino's start-up code leaves it, 8-bit phase-correct PWM at clk / 64: the marks
 * frame one period between two overflows. */
#include <avr/io.h>

static void wait_for_overflow(void)
{
    TIFR1 = 1 << TOV1;
    while (!(TIFR1 & 1 << TOV1)) {
    }
}

int main(void)
{
    TCCR1A = 1 << WGM10;
    TCCR1B = 1 << CS11 | 1 << CS10;
    wait_for_overflow();
    GPIOR0 = 1;
    wait_for_overflow();
    GPIOR0 = 2;
    for (;;) {
    }
}
