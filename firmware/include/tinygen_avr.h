/* tinygen_avr.h -- kernels of tinygen_fixed.h in AVR assembly, for a chip with MUL. Hand-written.
 *
 * What a kernel computes, and of which operands, stands in tinygen_fixed.h beside the same kernel
 * in C; the tests compare the two. Included by tinygen_fixed.h, never alone. Here are the scalar
 * kernels, those that bring inputs to one range, tables and trees; tinygen_avr_sums.h has the sums
 * of products, tinygen_avr_layers.h hidden layers.
 *
 * The chip multiplies bytes, into r1:r0: MUL unsigned, MULS signed, MULSU signed by unsigned; FMUL
 * doubles the product. MULS and MULSU leave the product's sign in the carry. Between its own
 * instructions GCC expects r1 to be 0.
 *
 * Operands. Whatever changes or is used again is an in-and-out operand "+", even where it ends as
 * it began: an input only might share its register with an operand of equal value.
 * What reads or writes RAM is `volatile` and clobbers "memory". Without the clobber GCC may leave a
 * row in registers; without `volatile` it takes two runs with equal pointers for the same result,
 * and a model called in a loop answers its first row for ever. Tables in flash never change and
 * need neither.
 *
 * Registers. GCC 5 and 7 place the widest operands of a statement first, in any register, and give
 * up ("can't find a register in class") where a narrow class is full by then. So the kernels that
 * sum name the registers of their pointers, and at most four of their operands need r16 to r23,
 * where MULSU works: beside a sum of four bytes these find a place whatever surrounds the call.
 */
#ifndef TINYGEN_AVR_H
#define TINYGEN_AVR_H

/* y = a * b / 2^16, rounded down; `low` keeps the highest byte that is dropped */
#define TINYGEN_HIGH                                                                               \
    "mul %B[a],%B[b]\n\tmovw %A[y],r0\n\tmul %A[a],%A[b]\n\tmov %[low],r1\n\tclr %[zero]\n\t"      \
    "mul %A[a],%B[b]\n\tadd %[low],r0\n\tadc %A[y],r1\n\tadc %B[y],%[zero]\n\t"                    \
    "mul %B[a],%A[b]\n\tadd %[low],r0\n\tadc %A[y],r1\n\tadc %B[y],%[zero]\n\tclr r1\n\t"

static inline uint16_t tinygen_high(uint16_t a, uint16_t b)
{
    uint16_t y;
    uint8_t low, zero;
    __asm__(TINYGEN_HIGH
            : [y] "=&r"(y), [low] "=&r"(low), [zero] "=&r"(zero)
            : [a] "r"(a), [b] "r"(b)
            : "r0");
    return y;
}

static inline uint16_t tinygen_high_round(uint16_t a, uint16_t b)
{
    uint16_t y;
    uint8_t low, zero;
    /* the dropped byte's top bit rounds */
    __asm__(TINYGEN_HIGH "lsl %[low]\n\tadc %A[y],r1\n\tadc %B[y],r1"
            : [y] "=&r"(y), [low] "=&r"(low), [zero] "=&r"(zero)
            : [a] "r"(a), [b] "r"(b)
            : "r0");
    return y;
}

/* ---- inputs --------------------------------------------------------------------------------- */

/* A macro, because `low` must be a literal. The signed comparison is exact even where the
 * difference needs 17 bits. */
#define tinygen_above(x, low)                                                                      \
    __extension__({                                                                                \
        int16_t tinygen_x = (x);                                                                   \
        __asm__("subi %A0,lo8(%1)\n\tsbci %B0,hi8(%1)\n\tbrge 1f\n\tclr %A0\n\tclr %B0\n1:"        \
                : "+d"(tinygen_x)                                                                  \
                : "n"(low));                                                                       \
        (uint16_t)tinygen_x;                                                                       \
    })

static inline uint16_t tinygen_distance(int16_t x, int16_t low)
{
    __asm__("sub %A0,%A1\n\tsbc %B0,%B1\n\tbrge 1f\n\tclr %A0\n\tclr %B0\n1:" : "+r"(x) : "r"(low));
    return (uint16_t)x;
}

static inline uint16_t tinygen_scale8(int16_t x, int16_t low, uint8_t multiplier, uint16_t top)
{
    uint16_t distance = tinygen_distance(x, low), u;
    __asm__("mul %A[d],%[m]\n\tlsl r0\n\tmov %A[u],r1\n\tclr %B[u]\n\tadc %A[u],%B[u]\n\t"
            "mul %B[d],%[m]\n\tadd %A[u],r0\n\tadc %B[u],r1\n\tclr r1"
            : [u] "=&r"(u)
            : [d] "r"(distance), [m] "r"(multiplier)
            : "r0");
    return u < top ? u : top;
}

/* hi:lo = x - low, not below 0: `low` is the next word of the table, or that of all inputs */
#define TINYGEN_TABLE_LOW(next)                                                                    \
    "lpm %[a],Z+\n\tlpm %[b],Z+\n\t" next "sub %[lo],%[a]\n\tsbc %[hi],%[b]\n\t"
#define TINYGEN_UNIFORM_LOW "sub %[lo],%A[low]\n\tsbc %[hi],%B[low]\n\t"
#define TINYGEN_INPUT(low)                                                                         \
    "1:\n\tld %[lo],X+\n\tld %[hi],X+\n\t" low "brge 2f\n\tclr %[lo]\n\tclr %[hi]\n2:\n\t"

/* a = hi:lo * m / 2^8, rounded, 255 at most, less 128 */
#define TINYGEN_8_BITS                                                                             \
    "mul %[lo],%[m]\n\tlsl r0\n\tmov %[a],r1\n\tclr %[b]\n\tadc %[a],%[b]\n\t"                     \
    "mul %[hi],%[m]\n\tadd %[a],r0\n\tadc %[b],r1\n\t"                                             \
    "breq 3f\n\tldi %[a],255\n3:\n\tsubi %[a],128\n\t"

static inline int8_t tinygen_scale_byte(const int8_t **row, int16_t x)
{
    uint8_t lo = (uint8_t)x, hi = (uint8_t)((uint16_t)x >> 8), a, b, m;
    __asm__(TINYGEN_TABLE_LOW("lpm %[m],Z+\n\t") "brge 2f\n\tclr %[lo]\n\tclr %[hi]\n2:\n\t"
            TINYGEN_8_BITS "clr r1"
            : [rom] "+z"(*row), [lo] "+r"(lo), [hi] "+r"(hi), [a] "=&d"(a), [b] "=&r"(b),
              [m] "=&r"(m)
            :
            : "r0");
    return (int8_t)a;
}

#define TINYGEN_INPUT_BYTES(low, first, last)                                                      \
    uint8_t lo, hi, a, b;                                                                          \
    __asm__ __volatile__(                                                                          \
        TINYGEN_INPUT(low) TINYGEN_8_BITS                                                          \
        "movw r0,r26\n\tmovw r26,%[u]\n\tst X+,%[a]\n\tmovw %[u],r26\n\tmovw r26,r0\n\t"           \
        "dec %[n]\n\tbrne 1b\n\tclr r1"                                                            \
        : first, [x] "+x"(x), [u] "+r"(u), [n] "+r"(n), [lo] "=&r"(lo), [hi] "=&r"(hi),            \
          [a] "=&d"(a), [b] "=&r"(b), last                                                         \
        :                                                                                          \
        : "r0", "memory");

static inline void tinygen_scale_bytes(const int8_t *table, const int16_t *x, int8_t *u, uint8_t n)
{
    uint8_t m;
    TINYGEN_INPUT_BYTES(TINYGEN_TABLE_LOW("lpm %[m],Z+\n\t"), [rom] "+z"(table), [m] "=&r"(m))
}

static inline void tinygen_scale_bytes_uniform(int16_t low, uint8_t multiplier, const int16_t *x,
                                               int8_t *u, uint8_t n)
{
    TINYGEN_INPUT_BYTES(TINYGEN_UNIFORM_LOW, [low] "+r"(low), [m] "+r"(multiplier))
}

/* `product` of hi:lo, the distance, and the multiplier, shifted and rounded: d:c, and the carry set
 * if it is below 4096. An input in hi:lo becomes one of 12 bits in d:c. */
#define TINYGEN_12_BITS(low, multiplier, product)                                                  \
    low "brge 2f\n\tclr %[lo]\n\tclr %[hi]\n2:\n\t" multiplier product                             \
    "brlo 3f\n\tldi %[d],15\n\tldi %[c],255\n3:\n\tsubi %[d],8\n\t"
#define TINYGEN_TABLE_12_BITS(product)                                                             \
    TINYGEN_12_BITS(TINYGEN_TABLE_LOW(""), "lpm %[a],Z+\n\tlpm %[b],Z+\n\t", product)
#define TINYGEN_INPUTS_12(step, ...)                                                               \
    uint8_t lo, hi, a, b, c, d;                                                                    \
    __asm__ __volatile__(                                                                          \
        "1:\n\tld %[lo],X+\n\tld %[hi],X+\n\t" step                                                \
        "movw r0,r26\n\tmovw r26,%[u]\n\tst X+,%[c]\n\tst X+,%[d]\n\t"                             \
        "movw %[u],r26\n\tmovw r26,r0\n\t"                                                         \
        "dec %[n]\n\tbrne 1b\n\tclr r1"                                                            \
        : __VA_ARGS__, [x] "+x"(x), [u] "+r"(u), [n] "+r"(n), [lo] "=&r"(lo), [hi] "=&r"(hi),      \
          [a] "=&r"(a), [b] "=&r"(b), [c] "=&d"(c), [d] "=&d"(d)                                   \
        :                                                                                          \
        : "r0", "memory");
#define TINYGEN_INPUT_WORDS(word, words, product)                                                  \
    static inline int16_t word(const int8_t **row, int16_t x)                                      \
    {                                                                                              \
        uint8_t lo = (uint8_t)x, hi = (uint8_t)((uint16_t)x >> 8), a, b, c, d;                     \
        __asm__(TINYGEN_TABLE_12_BITS(product) "clr r1"                                            \
                : [rom] "+z"(*row), [lo] "+r"(lo), [hi] "+r"(hi), [a] "=&r"(a), [b] "=&r"(b),      \
                  [c] "=&d"(c), [d] "=&d"(d)                                                       \
                :                                                                                  \
                : "r0");                                                                           \
        return (int16_t)(c | (uint16_t)d << 8);                                                    \
    }                                                                                              \
    static inline void words(const int8_t *table, const int16_t *x, int16_t *u, uint8_t n)         \
    {                                                                                              \
        TINYGEN_INPUTS_12(TINYGEN_TABLE_12_BITS(product), [rom] "+z"(table))                       \
    }                                                                                              \
    static inline void words##_uniform(int16_t low, uint16_t multiplier, const int16_t *x,         \
                                       int16_t *u, uint8_t n)                                      \
    {                                                                                              \
        TINYGEN_INPUTS_12(TINYGEN_12_BITS(TINYGEN_UNIFORM_LOW,                                     \
                                          "mov %[a],%A[m]\n\tmov %[b],%B[m]\n\t", product),        \
                          [low] "+r"(low), [m] "+r"(multiplier))                                   \
    }
/* d:c = high half of hi:lo * b:a; `hi` becomes the byte below, whose top bit rounds */
TINYGEN_INPUT_WORDS(tinygen_scale_word, tinygen_scale_words,
    "mul %[hi],%[b]\n\tmov %[c],r0\n\tmov %[d],r1\n\t"
    "mul %[hi],%[a]\n\tmov %[hi],r0\n\tadd %[c],r1\n\tclr r1\n\tadc %[d],r1\n\t"
    "mul %[lo],%[a]\n\tclr %[a]\n\tadd %[hi],r1\n\tadc %[c],%[a]\n\tadc %[d],%[a]\n\t"
    "mul %[lo],%[b]\n\tadd %[hi],r0\n\tadc %[c],r1\n\tadc %[d],%[a]\n\t"
    "lsl %[hi]\n\tadc %[c],%[a]\n\tadc %[d],%[a]\n\t"
    "cpi %[d],16\n\t")
/* lo:d:c = hi:lo * b:a without its lowest byte, whose top bit rounds; CLR leaves the carry. Out of
 * d:c a carry comes only where hi * b is above 255 as well, and so `lo` not 0:
 * 255 * (hi + b + 1) < 2^16 */
TINYGEN_INPUT_WORDS(tinygen_widen_word, tinygen_widen_words,
    "mul %[lo],%[a]\n\tmov %[c],r1\n\tlsl r0\n\tclr %[d]\n\tadc %[c],%[d]\n\t"
    "mul %[lo],%[b]\n\tadd %[c],r0\n\tadc %[d],r1\n\tclr %[lo]\n\t"
    "mul %[hi],%[a]\n\tclr %[a]\n\tadd %[c],r0\n\tadc %[d],r1\n\t"
    "mul %[hi],%[b]\n\tadd %[d],r0\n\tadc %[lo],r1\n\t"
    "cpi %[d],16\n\tcpc %[lo],%[a]\n\t")

/* ---- tables and powers ----------------------------------------------------------------------- */

/* v = value of a table at Z between two nodes, f / 2^8 on the way to the second one;
 * v += step * f / 2^8 */
#define TINYGEN_INTERPOLATE                                                                        \
    "lpm %A[v],Z+\n\tlpm %B[v],Z+\n\tlpm %A[step],Z+\n\tlpm %B[step],Z\n\tclr %[zero]\n\t"         \
    "sub %A[step],%A[v]\n\tsbc %B[step],%B[v]\n\t"                                                 \
    /* the unsigned low product's high byte joins v, rounded by the low byte's top bit */          \
    "mul %A[step],%[f]\n\tlsl r0\n\tadc %A[v],r1\n\tadc %B[v],%[zero]\n\t"                         \
    "mulsu %B[step],%[f]\n\tadd %A[v],r0\n\tadc %B[v],r1\n\t"
/* y = v^2 / 2^16: `low` collects bits 8 to 15, of which 0x80 is the rounding constant */
#define TINYGEN_HALF "subi %[low],0x80\n\tsbci %A[y],0xFF\n\tsbci %B[y],0xFF\n\t"
#define TINYGEN_SQUARE(half)                                                                       \
    "mul %B[v],%B[v]\n\tmovw %A[y],r0\n\tmul %A[v],%A[v]\n\tmov %[low],r1\n\t" half                \
    "fmul %A[v],%B[v]\n\tadc %B[y],%[zero]\n\t"                                                    \
    "add %[low],r0\n\tadc %A[y],r1\n\tadc %B[y],%[zero]\n\t"

static inline int16_t tinygen_interpolate(const int16_t *table, uint16_t position)
{
    const int16_t *node = table + (position >> 8);
    uint8_t fraction = (uint8_t)position, zero;
    int16_t v, step;
    __asm__(TINYGEN_INTERPOLATE "clr r1"
            : [v] "=&r"(v), [step] "=&a"(step), [zero] "=&r"(zero), "+&z"(node)
            : [f] "a"(fraction)
            : "r0");
    return v;
}

static inline tinygen_int24 tinygen_curves(tinygen_int24 acc, const int16_t *table,
                                           const int16_t *x, uint8_t n)
{
    uint16_t v, step;
    uint8_t lo, zero, f, k;
    register const int16_t *rom __asm__("r30") = table;
    __asm__ __volatile__(
            "1:\n\tlpm %[k],Z+\n\t"
            "movw r26,%[x]\n\tadd r26,%[k]\n\tadc r27,r1\n\tadd r26,%[k]\n\tadc r27,r1\n\t"
            "lpm %[k],Z+\n\tld %[lo],X+\n\tld %[zero],X\n\t"
            /* distance from the first node, between 0 and its largest value */
            "lpm %A[v],Z+\n\tlpm %B[v],Z+\n\tsub %[lo],%A[v]\n\tsbc %[zero],%B[v]\n\t"
            "brge 2f\n\tclr %[lo]\n\tclr %[zero]\n2:\n\t"
            "lpm %A[v],Z+\n\tlpm %B[v],Z+\n\tcp %A[v],%[lo]\n\tcpc %B[v],%[zero]\n\t"
            "brsh 3f\n\tmov %[lo],%A[v]\n\tmov %[zero],%B[v]\n3:\n\t"
            /* shifted: cell in lo, fraction in f */
            "clr %[f]\n4:\n\tlsr %[zero]\n\tror %[lo]\n\tror %[f]\n\tdec %[k]\n\tbrne 4b\n\t"
            /* X = next curve, Z = this cell */
            "lpm %[k],Z+\n\tadiw r30,1\n\tmovw r26,r30\n\tadd r26,%[k]\n\tadc r27,r1\n\t"
            "lsl %[lo]\n\tadd r30,%[lo]\n\tadc r31,r1\n\t" TINYGEN_INTERPOLATE "clr r1\n\t"
            "mov %[k],%B[v]\n\tlsl %[k]\n\tsbc %[k],%[k]\n\t"
            "add %A[acc],%A[v]\n\tadc %B[acc],%B[v]\n\tadc %C[acc],%[k]\n\t"
            "movw r30,r26\n\tdec %[n]\n\tbrne 1b"
            : [acc] "+r"(acc), [rom] "+r"(rom), [x] "+r"(x), [n] "+r"(n), [v] "=&r"(v),
              [step] "=&a"(step), [lo] "=&r"(lo), [zero] "=&r"(zero), [f] "=&a"(f), [k] "=&r"(k)
            :
            : "r0", "r26", "r27", "memory");
    return acc;
}

static inline uint16_t tinygen_square(uint16_t v)
{
    uint16_t y;
    uint8_t low, zero;
    __asm__("clr %[zero]\n\t" TINYGEN_SQUARE(TINYGEN_HALF) "clr r1"
            : [y] "=&d"(y), [low] "=&d"(low), [zero] "=&r"(zero)
            : [v] "a"(v)
            : "r0");
    return y;
}

/* Without a call in between, and with one `zero` for both. */
#define TINYGEN_SQUARE_ON_A_CURVE(name, half)                                                      \
    static inline uint16_t name(const int16_t *table, uint16_t position)                           \
    {                                                                                              \
        const int16_t *node = table + (position >> 8);                                             \
        uint8_t fraction = (uint8_t)position, low, zero;                                           \
        uint16_t v, step, y;                                                                       \
        __asm__(TINYGEN_INTERPOLATE TINYGEN_SQUARE(half) "clr r1"                                  \
                : [v] "=&a"(v), [step] "=&a"(step), [y] "=&d"(y), [low] "=&d"(low),                \
                  [zero] "=&r"(zero), "+&z"(node)                                                  \
                : [f] "a"(fraction)                                                                \
                : "r0");                                                                           \
        return y;                                                                                  \
    }
TINYGEN_SQUARE_ON_A_CURVE(tinygen_interpolate_square, TINYGEN_HALF)
TINYGEN_SQUARE_ON_A_CURVE(tinygen_interpolate_high, "")

/* A small value is moved up by a byte first; for size alone, bit by bit. */
#define TINYGEN_UP_A_BYTE                                                                          \
    "tst %B[m]\n\tbrne 1f\n\t"                                                                     \
    "subi %[octave],8*8\n\tmov %B[m],%A[m]\n\tclr %A[m]\n\ttst %B[m]\n\tbrmi 2f\n"
#define TINYGEN_LOG2(name, by_byte)                                                                \
    static inline int16_t name(int16_t x)                                                          \
    {                                                                                              \
        uint16_t mantissa = (uint16_t)x;                                                           \
        uint8_t octave, t, rest, bend;                                                             \
        __asm__("cp r1,%A[m]\n\tcpc r1,%B[m]\n\tbrlt 3f\n\tldi %A[m],1\n\tldi %B[m],0\n3:\n\t"     \
                "ldi %[octave],15*8\n\t" by_byte "1:\n\t"                                          \
                "subi %[octave],8\n\tlsl %A[m]\n\trol %B[m]\n\tbrpl 1b\n2:\n\t"                    \
                "mov %[t],%B[m]\n\tmov %[rest],%A[m]\n\tlsl %[rest]\n\trol %[t]\n\t"               \
                /* rest = t (1 - t), bend = 216 - 80 t; 7 bits are dropped by a shift to the       \
                 * left and a byte to the right */                                                 \
                "mov %[rest],%[t]\n\tneg %[rest]\n\t"                                              \
                "mul %[t],%[rest]\n\tlsl r0\n\trol r1\n\tmov %[rest],r1\n\t"                       \
                "ldi %[bend],216\n\tlsr %[t]\n\tlsr %[t]\n\t"                                      \
                "sub %[bend],%[t]\n\tlsr %[t]\n\tlsr %[t]\n\tsub %[bend],%[t]\n\t"                 \
                "mul %[rest],%[bend]\n\tlsl r0\n\trol r1\n\t"                                      \
                /* octave in five bits, mantissa in eleven */                                      \
                "swap %A[m]\n\tandi %A[m],0x0F\n\tswap %B[m]\n\t"                                  \
                "mov %[bend],%B[m]\n\tandi %[bend],0xF0\n\tor %A[m],%[bend]\n\t"                   \
                "andi %B[m],7\n\tor %B[m],%[octave]\n\tadd %A[m],r1\n\tclr r1\n\tadc %B[m],r1"     \
                : [m] "+d"(mantissa), [octave] "=&d"(octave), [t] "=&r"(t), [rest] "=&r"(rest),    \
                  [bend] "=&d"(bend)                                                               \
                :                                                                                  \
                : "r0");                                                                           \
        return (int16_t)mantissa;                                                                  \
    }
TINYGEN_LOG2(tinygen_log2, TINYGEN_UP_A_BYTE)
TINYGEN_LOG2(tinygen_log2_short, "")

/* ---- decision trees: 32 to 37 cycles a split ------------------------------------------------- */

/* Bit 7 of `kind`: the right side stands first; turned where x goes right it says whether x goes to
 * the second side. Bit 6: the first side is a leaf, bit 5: so is the second. */
#define TINYGEN_LEAF_ASM(name, leaf_t, input, first, told)                                         \
    static inline const int8_t *name(const int8_t *tree, const int16_t *x, leaf_t leaf)            \
    {                                                                                              \
        leaf_t skip;                                                                               \
        uint8_t kind, a, b, lo, hi;                                                                \
        __asm__ __volatile__(                                                                      \
            "1:\n\tlpm %[kind],Z+\n\t" input                                                       \
            "add r26,%[a]\n\tadc r27,r1\n\t"                                                       \
            "ld %[a],X+\n\tld %[b],X\n\tlpm %[lo],Z+\n\tlpm %[hi],Z+\n\t" first                    \
            "cp %[lo],%[a]\n\tcpc %[hi],%[b]\n\tbrge 2f\n\tsubi %[kind],0x80\n2:\n\t"              \
            "sbrs %[kind],7\n\trjmp 4f\n\t"                                                        \
            told "lsl %[kind]\n4:\n\tsbrs %[kind],6\n\trjmp 1b"                                    \
            : [tree] "+z"(tree), [x] "+r"(x), [leaf] "+r"(leaf), [skip] "=&r"(skip),               \
              [kind] "=&d"(kind), [a] "=&d"(a), [b] "=&r"(b), [lo] "=&r"(lo), [hi] "=&r"(hi)       \
            :                                                                                      \
            : "r26", "r27", "memory");                                                             \
        return tree;                                                                               \
    }
#define TINYGEN_FEW_INPUTS "mov %[a],%[kind]\n\tandi %[a],0x1F\n\tlsl %[a]\n\tmovw r26,%[x]\n\t"
#define TINYGEN_MANY_INPUTS "lpm %[a],Z+\n\tmovw r26,%[x]\n\tadd r26,%[a]\n\tadc r27,r1\n\t"
/* the bytes of the first side: those of a leaf, or told; then over them */
#define TINYGEN_NEAR "mov %[skip],%[leaf]\n\tsbrs %[kind],6\n\tlpm %[skip],Z+\n\t"
#define TINYGEN_OVER_NEAR "add r30,%[skip]\n\tadc r31,r1\n\t"
#define TINYGEN_FAR                                                                                \
    "movw %[skip],%[leaf]\n\tsbrc %[kind],6\n\trjmp 3f\n\t"                                        \
    "lpm %A[skip],Z+\n\tlpm %B[skip],Z+\n3:\n\t"
#define TINYGEN_OVER_FAR "add r30,%A[skip]\n\tadc r31,%B[skip]\n\t"
TINYGEN_LEAF_ASM(tinygen_leaf, uint8_t, TINYGEN_FEW_INPUTS, TINYGEN_NEAR, TINYGEN_OVER_NEAR)
TINYGEN_LEAF_ASM(tinygen_leaf_many, uint8_t, TINYGEN_MANY_INPUTS, TINYGEN_NEAR, TINYGEN_OVER_NEAR)
TINYGEN_LEAF_ASM(tinygen_leaf_far, uint16_t, TINYGEN_FEW_INPUTS, TINYGEN_FAR, TINYGEN_OVER_FAR)
TINYGEN_LEAF_ASM(tinygen_leaf_many_far, uint16_t, TINYGEN_MANY_INPUTS, TINYGEN_FAR,
                 TINYGEN_OVER_FAR)

static inline void tinygen_add_leaf(int16_t *sums, const int8_t *leaf, uint8_t n)
{
    uint8_t v, sign, a;
    __asm__ __volatile__(
            "1:\n\tlpm %[v],Z+\n\tmov %[s],%[v]\n\tlsl %[s]\n\tsbc %[s],%[s]\n\t"
            "ld %[a],X\n\tadd %[a],%[v]\n\tst X+,%[a]\n\t"
            "ld %[a],X\n\tadc %[a],%[s]\n\tst X+,%[a]\n\tdec %[n]\n\tbrne 1b"
            : [leaf] "+z"(leaf), [sums] "+x"(sums), [n] "+r"(n), [v] "=&r"(v), [s] "=&r"(sign),
              [a] "=&r"(a)
            :
            : "memory");
}

#endif
