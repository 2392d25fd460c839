/* Answers "B<cause><count>" at each start, then obeys one letter: what resets, crashes or stops a
 * chip. */
#include <avr/interrupt.h>
#include <avr/io.h>
#include <avr/sleep.h>
#include <avr/wdt.h>

static volatile uint8_t starts __attribute__((section(".noinit")));
static volatile uint8_t written __attribute__((section(".noinit")));

static void send(uint8_t byte)
{
    while (!(UCSR0A & _BV(UDRE0)))
        ;
    UDR0 = byte;
}

EMPTY_INTERRUPT(TIMER0_OVF_vect)

int main(void)
{
    uint8_t cause = MCUSR;
    MCUSR = 0;
    wdt_disable();
    if (cause & _BV(PORF))
        starts = 0;
    UBRR0 = 16;
    UCSR0A = _BV(U2X0);
    UCSR0B = _BV(RXEN0) | _BV(TXEN0);
    DDRB = PORTB = _BV(5);
    send('B');
    send('0' + cause);
    send('0' + ++starts);
    for (;;) {
        while (!(UCSR0A & _BV(RXC0)))
            ;
        switch (UDR0) {
        case 'w':                   /* the watchdog bites */
            wdt_enable(WDTO_15MS);
            for (;;)
                ;
        case 'c':                   /* runs into erased flash */
            __asm__ __volatile__("jmp 0x7000");
            break;
        case 'o':                   /* writes where no RAM is */
            *(volatile uint8_t *)0xFFF0 = 0x5A;
            break;
        case 's':                   /* sleeps and cannot wake */
            cli();
            set_sleep_mode(SLEEP_MODE_PWR_DOWN);
            sleep_enable();
            sleep_cpu();
            break;
        case 'i':                   /* idle until the timer wakes it, 256 * 256 cycles later */
            TCCR0B = _BV(CS02);
            TCNT0 = 0;
            TIMSK0 = _BV(TOIE0);
            set_sleep_mode(SLEEP_MODE_IDLE);
            sleep_enable();
            sei();
            sleep_cpu();
            cli();
            send('i');
            break;
        case 'p':                   /* even parity */
            UCSR0C = 0x26;
            send('p');
            break;
        default: send('?');
        }
    }
}
