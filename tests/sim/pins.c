/* Drives PB4 and PB5 in every way there is. SBI and CBI take two cycles, OUT takes one, and eight
 * lie between. */
#include <avr/io.h>

#define WAIT ".rept 8\n nop\n .endr\n"

int main(void)
{
    __asm__ __volatile__(
        "ldi r24, 0x20\n ldi r25, 0x30\n"
        "out %[port], r24\n" WAIT      /* the pull-up of an input: not driven */
        "out %[ddr], r25\n" WAIT       /*  0: PB5 begins to be driven high */
        "sbi %[port], 4\n" WAIT        /*  9: PB4 up */
        "sbi %[port], 4\n" WAIT        /* 19: nothing changes */
        "out %[pin], r24\n" WAIT       /* 29: toggles, PB5 down */
        "cbi %[ddr], 4\n"              /* 38: PB4 is no longer driven */
        : : [port] "I"(_SFR_IO_ADDR(PORTB)), [ddr] "I"(_SFR_IO_ADDR(DDRB)),
            [pin] "I"(_SFR_IO_ADDR(PINB)) : "r24", "r25");
    for (;;)
        ;
}
