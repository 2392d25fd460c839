/* One region between cycle marks for each instruction (sequence) of the table in
 * test_virtual_board.py, in its order. */
#include <avr/interrupt.h>
#include <avr/io.h>

#define REGION(body) __asm__ __volatile__( \
    "ldi r24, 1\n out %[mark], r24\n" body "\n ldi r24, 2\n out %[mark], r24" \
    : : [mark] "I"(_SFR_IO_ADDR(GPIOR0)), [port] "I"(_SFR_IO_ADDR(PORTB)), [cell] "i"(&cell) \
    : "r0", "r1", "r18", "r19", "r24", "r30", "r31", "memory")

static volatile uint8_t cell;

EMPTY_INTERRUPT(TIMER0_OVF_vect)

int main(void)
{
    REGION("");
    REGION("nop");
    REGION("nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop\n nop");
    REGION("mul r18, r19");
    REGION("muls r18, r19");
    REGION("adiw r30, 1");
    REGION("lds r18, %[cell]");
    REGION("sts %[cell], r18");
    REGION("push r18\n pop r18");
    REGION("lpm r18, Z");
    REGION("rjmp 1f\n 1:");
    REGION("sbi %[port], 0");
    REGION("rcall 1f\n rjmp 2f\n 1: ret\n 2:");
    REGION("ldi r18, 100\n 1: dec r18\n brne 1b");
    /* Marks written by STS and with the value loaded early. */
    __asm__ __volatile__("ldi r24, 1\n ldi r18, 2\n sts %[mark], r24\n"
                         " nop\n nop\n nop\n sts %[mark], r18"
                         : : [mark] "i"(&GPIOR0) : "r24", "r18");
    /* The same loop undisturbed and with a timer interrupt in it, whose routine is one RETI. */
    REGION("ldi r18, 200\n 1: dec r18\n brne 1b");
    TCCR0B = _BV(CS00);
    TCNT0 = 0;
    TIFR0 = _BV(TOV0);
    TIMSK0 = _BV(TOIE0);
    sei();
    REGION("ldi r18, 200\n 1: dec r18\n brne 1b");
    cli();
    for (;;)
        ;
}
