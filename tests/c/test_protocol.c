/* tinygen_protocol.h against the table of tests/vectors.py (rendered to vectors.h by the Python
 * test).
 *
 * Without arguments: every vector; prints the number of checks. With "decode": bytes from stdin
 * through the parser, one line per event, for comparison with host/protocol.py on any bytes.
 */
#include <stdio.h>
#include <string.h>

#include "tinygen_protocol.h"
#include "vectors.h"

static int checks, failures;

static void expect(int right, const char *vector, const char *what)
{
    checks++;
    if (!right) {
        failures++;
        fprintf(stderr, "%s: %s\n", vector, what);
    }
}

static void test_encode(const struct frame_vector *v)
{
    uint8_t frame[TINYGEN_FRAME_BYTES(248)];

    memcpy(frame + TINYGEN_PAYLOAD_AT, v->payload, v->len);
    tinygen_encode(frame, v->kind, v->session, v->seq, v->len, VECTOR_SEED);
    expect(TINYGEN_FRAME_BYTES(v->len) == v->wire_len && memcmp(frame, v->wire, v->wire_len) == 0,
           v->name, "encode");
}

/* The frame that ends wire, parsed; `verdict` is the last one that was not TINYGEN_MORE. */
static tinygen_parser parse(const uint8_t *wire, size_t length, uint8_t *verdict)
{
    tinygen_parser parser = {VECTOR_SEED, 0, 0, 0, {0}};
    size_t i;

    *verdict = TINYGEN_MORE;
    for (i = 0; i < length; i++) {
        const uint8_t now = tinygen_feed(&parser, wire[i]);
        *verdict = now == TINYGEN_MORE ? *verdict : now;
    }
    return parser;
}

static void test_decode(const struct frame_vector *v)
{
    uint8_t verdict;
    const tinygen_parser parser = parse(v->wire, v->wire_len, &verdict);

    expect(verdict == TINYGEN_READY, v->name, "decode");
    expect(tinygen_type(&parser) == v->kind && tinygen_session(&parser) == v->session
               && tinygen_seq(&parser) == v->seq && tinygen_len(&parser) == v->len,
           v->name, "head");
    expect(memcmp(tinygen_payload(&parser), v->payload, v->len) == 0, v->name, "payload");
}

static void test_refusal(const struct refusal_vector *v)
{
    uint8_t verdict;
    const tinygen_parser parser = parse(v->wire, v->wire_len, &verdict);
    const uint8_t code =
        tinygen_refusal(&parser, VECTOR_INPUTS, VECTOR_MODEL_ID, VECTOR_SESSION, 0);
    const uint8_t corrupt =
        tinygen_refusal(&parser, VECTOR_INPUTS, VECTOR_MODEL_ID, VECTOR_SESSION, 1);

    expect(verdict == TINYGEN_READY, v->name, "decode");
    expect(code == v->code, v->name, "code");
    /* a corrupt board still says who it is; it refuses only the rows it would have taken */
    expect(corrupt
               == (v->code == 0 && tinygen_type(&parser) == TINYGEN_ROW
                       ? (uint8_t)TINYGEN_MODEL_CORRUPT
                       : v->code),
           v->name, "corrupt");
    expect(tinygen_detail(&parser, code, VECTOR_INPUTS) == v->detail, v->name, "detail");
}

static void decode_stdin(void)
{
    tinygen_parser parser = {VECTOR_SEED, 0, 0, 0, {0}};
    int byte, i;

    while ((byte = getchar()) != EOF) {
        const uint8_t verdict = tinygen_feed(&parser, (uint8_t)byte);
        if (verdict == TINYGEN_MORE)
            continue;
        printf("%d", verdict);
        for (i = 0; verdict == TINYGEN_READY && i < tinygen_len(&parser) + 4; i++)
            printf(i == 0 ? " %02x" : "%02x", parser.body[i]);
        printf("\n");
    }
}

int main(int argc, char **argv)
{
    size_t i;

    if (argc > 1 && strcmp(argv[1], "decode") == 0) {
        decode_stdin();
        return 0;
    }
    for (i = 0; i < sizeof frame_vectors / sizeof *frame_vectors; i++) {
        test_encode(&frame_vectors[i]);
        test_decode(&frame_vectors[i]);
    }
    for (i = 0; i < sizeof refusal_vectors / sizeof *refusal_vectors; i++)
        test_refusal(&refusal_vectors[i]);
    for (i = 0; i < sizeof digest_vectors / sizeof *digest_vectors; i++)
        expect(tinygen_digest(digest_vectors[i].row, digest_vectors[i].inputs)
                   == digest_vectors[i].digest,
               "digest", "value");
    printf("%d checks\n", checks);
    return failures != 0;
}
