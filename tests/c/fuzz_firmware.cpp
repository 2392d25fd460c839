/* The whole firmware under libFuzzer: parser, dispatcher, answers. Pins, time and the serial line come from native/.
 *
 * An input is a list of pieces, after one byte whose lowest bit says whether the program in flash is intact. Each piece has
 * two bytes in front of its content: how (bit 0: the content is a body that gets a right check sum and becomes a frame, so
 * that half of the inputs get past the parser; bit 1: the sum is bound to the model; bits 2-7: tenths of a second that pass)
 * and its length. Everything is static: a run costs what the firmware costs.
 */
#include "main.cpp"

extern "C" {
void board_run(const uint8_t *bytes, uint32_t length, uint32_t now_ms);
int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size);
}

static const size_t PIECE_MAX = TINYGEN_RX_RING - 6; /* what the receive ring holds, with key, fcs and zeros */

static void start_anew(bool intact)
{
    received = tinygen_parser();
    alarm_state = tinygen_alarm();
    rows_answered = last_row_ms = damage_told_ms = 0;
    frames_damaged = frames_refused = overruns_told = serial_overruns = 0;
    lit = damage_told = false;
    session = 7;
    native_intact = intact;
    setup();
}

/* Writes a frame around any body, with its right check sum; returns its bytes. */
static uint32_t wrap(uint8_t *wire, const uint8_t *body, size_t size, bool bound)
{
    uint16_t crc = bound ? TINYGEN_SEED(MODEL_ID) : TINYGEN_PLAIN_SEED;
    for (size_t i = 0; i < size; i++)
        crc = tinygen_crc(crc, wire[2 + i] = body[i]);
    tinygen_put16(wire + 2 + size, (uint16_t)~crc);
    wire[0] = wire[4 + size] = 0;
    wire[1] = tinygen_key(wire + 2, (uint8_t)(size + 2));
    for (size_t i = 2; i < size + 4; i++)
        wire[i] = (uint8_t)(wire[i] ^ wire[1]);
    return (uint32_t)(size + 5);
}

int LLVMFuzzerTestOneInput(const uint8_t *data, size_t size)
{
    static uint8_t wire[TINYGEN_RX_RING];
    uint32_t now_ms = 0;

    if (size == 0)
        return 0;
    start_anew(data[0] & 1);
    data++, size--;
    while (size >= 2) {
        const uint8_t how = data[0];
        size_t length = data[1] % (PIECE_MAX + 1);
        data += 2, size -= 2;
        length = length > size ? size : length;
        now_ms += (uint32_t)(how >> 2) * 100;
        if (how & 1)
            board_run(wire, wrap(wire, data, length, how & 2), now_ms);
        else
            board_run(data, (uint32_t)length, now_ms);
        native_out.tail = native_out.head; /* nobody reads the answers */
        data += length, size -= length;
    }
    return 0;
}
