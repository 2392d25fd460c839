/* tinygen_trees.h -- how a header holds decision trees: as bytes, or as code. Hand-written.
 * Included by tinygen_fixed.h, never alone. */
#ifndef TINYGEN_TREES_H
#define TINYGEN_TREES_H

/* whether trees as code are assembly */
#if TINYGEN_ASM
#define TINYGEN_TREES_ASM 1 /* a chip with MUL has what these need */
#elif defined(__AVR_HAVE_LPMX__) && defined(__AVR_HAVE_MOVW__) && defined(__OPTIMIZE__) &&         \
    !defined(TINYGEN_NO_ASM)
#define TINYGEN_TREES_ASM 1
#else
#define TINYGEN_TREES_ASM 0
#endif

/* ---- trees as bytes --------------------------------------------------------------------------
 * A tree is a split: its kind and input in one byte, and the raw limit as TINYGEN_BYTES; then its
 * two sides, each a tree or a leaf's values. x goes left where x[input] <= limit. A leaf stands
 * before a split; of two splits the shorter one first, and its bytes are told behind the limit.
 *
 * tinygen_leaf tells where in flash the leaf stands in which x ends, for leaves of `leaf` bytes.
 * Those with _many in their name take the input as a byte of its own behind that of the kind, and
 * those with _far two bytes for those of the first side. */
#define TINYGEN_SPLIT(input) (int8_t)(input)
#define TINYGEN_RIGHT_FIRST(input) (int8_t)((input) - 128)
#define TINYGEN_LEAF_FIRST(input) (int8_t)((input) + 64) /* the left side */
#define TINYGEN_RIGHT_LEAF_FIRST(input) (int8_t)((input) - 64)
#define TINYGEN_TWO_LEAVES(input) (int8_t)((input) + 96)

#if !TINYGEN_ASM
#define TINYGEN_LEAF_C(name, many, far)                                                            \
    static inline const int8_t *name(const int8_t *tree, const int16_t *x, uint16_t leaf)          \
    {                                                                                              \
        for (;;) {                                                                                 \
            uint8_t kind = TINYGEN_READ_U8(tree);                                                  \
            uint8_t input = many ? TINYGEN_READ_U8(tree + 1) : kind & 0x1F;                        \
            const int8_t *sides = tree + 3 + many;                                                 \
            uint8_t right = x[input] > tinygen_word(sides - 2), second = right != kind >> 7;       \
            uint16_t first = leaf;                                                                 \
            if (!(kind & 0x40)) {                                                                  \
                first = far ? (uint16_t)tinygen_word(sides) : TINYGEN_READ_U8(sides);              \
                sides += 1 + far;                                                                  \
            }                                                                                      \
            tree = sides + (second ? first : 0);                                                   \
            if (kind & (second ? 0x20 : 0x40)) {                                                   \
                return tree;                                                                       \
            }                                                                                      \
        }                                                                                          \
    }
TINYGEN_LEAF_C(tinygen_leaf, 0, 0)
TINYGEN_LEAF_C(tinygen_leaf_far, 0, 1)
TINYGEN_LEAF_C(tinygen_leaf_many, 1, 0)
TINYGEN_LEAF_C(tinygen_leaf_many_far, 1, 1)

/* sums[k] += leaf[k] for n sums */
static inline void tinygen_add_leaf(int16_t *sums, const int8_t *leaf, uint8_t n)
{
    for (uint8_t k = 0; k < n; ++k) {
        sums[k] = (int16_t)(sums[k] + TINYGEN_READ_I8(leaf + k));
    }
}
#endif

/* ---- trees as code ---------------------------------------------------------------------------
 * A function of x, the raw inputs, is written in these words and returns the sum of its trees:
 *
 *   TINYGEN_TREES(bias)                  the sum starts with the bias
 *   TINYGEN_TREE(n)                      tree n, up to TINYGEN_TREE_END; it starts here, or
 *                                        behind TINYGEN_TREE_BEHIND(n) at TINYGEN_TREE_STARTS(n)
 *     TINYGEN_ABOVE(in, limit, k)        where x[in] > limit it goes on at TINYGEN_PLACE(k)
 *     TINYGEN_LEAF(v)                    the tree ends and adds v
 *     TINYGEN_LEAVES(in, limit, v, w)    the same with w where x[in] > limit, else v
 *   TINYGEN_ENDS                         behind trees, with the ends that all share:
 *     TINYGEN_END(in)                    of TINYGEN_LEAVES of this input
 *     TINYGEN_HELD_END(slot, in)         the same of an input that is held; TINYGEN_SHORT_END takes
 *                                        4 cycles more and 22 bytes less
 *   TINYGEN_CALLS                        then what calls the trees in their order:
 *     TINYGEN_HOLD(slot, in)             x[in] stays in registers, for TINYGEN_HELD_ABOVE
 *     TINYGEN_KEEP_HIGH(r, high)         so does a high byte of limits, for TINYGEN_HIGH_ABOVE;
 *                                        TINYGEN_MOVE_HIGH in r8 to r15
 *     TINYGEN_CALL(n)                    tree n
 *   TINYGEN_TREES_BEHIND                 then more trees, where there are too many in front
 *   TINYGEN_TREES_END(slots, moved)
 *
 * A leaf's value is 0 .. 255; words with a 2 at the end of their name take 0 .. 65535. Between
 * TINYGEN_ROW_TREES(table, n) and TINYGEN_ROW_TREES_END a leaf is a row of n bytes in a table,
 * which is added to the n sums: TINYGEN_ROW(at), TINYGEN_ROWS(in, limit, at, to). In C the words
 * are if, goto and +=. On an AVR all of them are one statement of assembly, in which a tree is a
 * subroutine; a split takes 7.5 cycles, 4.5 where its input is held, 3.5 where its limit's high
 * byte is, and a tree's call and last split 40. BRGE of TINYGEN_ABOVE reaches 63 words either way
 * and its ..._FAR the whole tree; RCALL and RJMP reach 4 KB, so of more bytes half of the trees
 * stand behind the calls. TINYGEN_LEAVES is a call with limit and values behind it in flash, where
 * the return address tells; then it returns from the tree. */
#if TINYGEN_TREES_ASM

/* Z is x, but in the end of a tree. A slot has the low byte in r18 to r23, for CPI, and the high
 * byte in r2 to r7. All that an instruction with a constant changes has a register by name: GCC
 * would give up where it finds none that is free. */
#define TINYGEN_TREES(bias)                                                                        \
    register const int16_t *tinygen_x __asm__("r24") = x;                                          \
    register uint16_t tinygen_sum __asm__("r26") = (uint16_t)(bias);                               \
    register uint8_t tinygen_t __asm__("r16"), tinygen_h __asm__("r17");                           \
    __asm__ __volatile__("rjmp .Lcalls%=\n"
#define TINYGEN_TREE(n) ".Ltree%=_" #n ":\n\t"
#define TINYGEN_TREE_BEHIND(n)
#define TINYGEN_TREE_STARTS(n) TINYGEN_TREE(n)
#define TINYGEN_TREE_END
#define TINYGEN_PLACE(k) ".Lplace%=_" #k ":\n\t"

/* the sign of x - (limit + 1) */
#define TINYGEN_COMPARE(in, limit)                                                                 \
    "ldd %[t],Z+2*" #in "\n\tsubi %[t],lo8(" #limit "+1)\n\t"                                      \
    "ldd %[t],Z+2*" #in "+1\n\tsbci %[t],hi8(" #limit "+1)\n\t"
#define TINYGEN_HELD_COMPARE(slot, limit)                                                          \
    "cpi " TINYGEN_LOW_##slot ",lo8(" #limit "+1)\n\tldi %[t],hi8(" #limit "+1)\n\t"               \
    "cpc " TINYGEN_HIGH_##slot ",%[t]\n\t"
#define TINYGEN_MOVE_HIGH(r, high) "ldi %[t],lo8(" #high ")\n\tmov r" #r ",%[t]\n\t"
#define TINYGEN_HIGH_COMPARE(r, slot, limit)                                                       \
    "cpi " TINYGEN_LOW_##slot ",lo8(" #limit "+1)\n\tcpc " TINYGEN_HIGH_##slot ",r" #r "\n\t"
#define TINYGEN_GO(k) "brge .Lplace%=_" #k "\n\t"
#define TINYGEN_GO_FAR(k) "brlt 1f\n\trjmp .Lplace%=_" #k "\n1:\n\t"
#define TINYGEN_ABOVE(in, limit, k) TINYGEN_COMPARE(in, limit) TINYGEN_GO(k)
#define TINYGEN_ABOVE_FAR(in, limit, k) TINYGEN_COMPARE(in, limit) TINYGEN_GO_FAR(k)
#define TINYGEN_HELD_ABOVE(slot, in, limit, k) TINYGEN_HELD_COMPARE(slot, limit) TINYGEN_GO(k)
#define TINYGEN_HELD_ABOVE_FAR(slot, in, limit, k)                                                 \
    TINYGEN_HELD_COMPARE(slot, limit) TINYGEN_GO_FAR(k)
#define TINYGEN_HIGH_ABOVE(r, slot, in, limit, k)                                                  \
    TINYGEN_HIGH_COMPARE(r, slot, limit) TINYGEN_GO(k)
#define TINYGEN_HIGH_ABOVE_FAR(r, slot, in, limit, k)                                              \
    TINYGEN_HIGH_COMPARE(r, slot, limit) TINYGEN_GO_FAR(k)
#define TINYGEN_LEAF(v) "ldi %[t]," #v "\n\trjmp .Ladd%=\n\t"
#define TINYGEN_LEAF2(v) "ldi %[t],lo8(" #v ")\n\tldi %[high],hi8(" #v ")\n\trjmp .Ladd%=\n\t"
#define TINYGEN_LEAVES(in, limit, v, w)                                                            \
    "rcall .Lend%=_" #in "\n\t.word " #limit "\n\t.byte " #v "," #w "\n\t"
#define TINYGEN_LEAVES2(in, limit, v, w)                                                           \
    "rcall .Lend%=_" #in "\n\t.word " #limit "," #v "," #w "\n\t"

#define TINYGEN_ROW(at) TINYGEN_LEAF2(at)
#define TINYGEN_ROWS(in, limit, at, to) TINYGEN_LEAVES2(in, limit, at, to)

#define TINYGEN_CALLS ".Lcalls%=:\n\tmovw r30,%[x]\n\t"
#define TINYGEN_HOLD(slot, in)                                                                     \
    "ldd " TINYGEN_LOW_##slot ",Z+2*" #in "\n\tldd " TINYGEN_HIGH_##slot ",Z+2*" #in "+1\n\t"
#define TINYGEN_CALL(n) "rcall .Ltree%=_" #n "\n\t"

/* the sign of limit - x, which moves Z by the bytes of a value; then the value is read */
#define TINYGEN_FIND(low, high, bytes)                                                             \
    TINYGEN_RETURN_ADDRESS TINYGEN_LPM " %[t],Z+\n\tcp %[t]," low "\n\t"                           \
    TINYGEN_LPM " %[t],Z+\n\tcpc %[t]," high "\n\tbrge 1f\n\t" TINYGEN_OVER(bytes) "1:\n\t"
#define TINYGEN_READ TINYGEN_LPM " %[t],Z\n\tmovw r30,%[x]\n"
#define TINYGEN_READ2 TINYGEN_LPM " %[t],Z+\n\t" TINYGEN_LPM " %[high],Z\n\tmovw r30,%[x]\n"
#define TINYGEN_ADD "add %A[sum],%[t]\n\tadc %B[sum],__zero_reg__\n\tret\n"
#define TINYGEN_ADD2 "add %A[sum],%[t]\n\tadc %B[sum],%[high]\n\tret\n"
#define TINYGEN_SHARED_END(find, read, add) ".Lleaves%=:\n\t" find read ".Ladd%=:\n\t" add
#define TINYGEN_TREES_BEHIND "rjmp .Lsum%=\n"
#define TINYGEN_ENDS                                                                               \
    TINYGEN_SHARED_END(TINYGEN_FIND("r0", "%[high]", "1"), TINYGEN_READ, TINYGEN_ADD)
#define TINYGEN_ENDS2                                                                              \
    TINYGEN_SHARED_END(TINYGEN_FIND("r0", "%[high]", "2"), TINYGEN_READ2, TINYGEN_ADD2)
#define TINYGEN_END(in)                                                                            \
    ".Lend%=_" #in ":\n\tldd r0,Z+2*" #in "\n\tldd %[high],Z+2*" #in "+1\n\trjmp .Lleaves%=\n"
#define TINYGEN_SHORT_END(slot, in)                                                                \
    ".Lend%=_" #in ":\n\tmov r0," TINYGEN_LOW_##slot                                               \
    "\n\tmov %[high]," TINYGEN_HIGH_##slot "\n\trjmp .Lleaves%=\n"
#define TINYGEN_HELD_END(slot, in)                                                                 \
    ".Lend%=_" #in ":\n\t" TINYGEN_FIND(TINYGEN_LOW_##slot, TINYGEN_HIGH_##slot, "1")              \
    TINYGEN_READ TINYGEN_ADD
#define TINYGEN_HELD_END2(slot, in)                                                                \
    ".Lend%=_" #in ":\n\t" TINYGEN_FIND(TINYGEN_LOW_##slot, TINYGEN_HIGH_##slot, "2")              \
    TINYGEN_READ2 TINYGEN_ADD2
#define TINYGEN_TREES_END(slots, moved)                                                            \
    ".Lsum%=:"                                                                                     \
        : [sum] "+r"(tinygen_sum), [x] "+r"(tinygen_x), [t] "=&r"(tinygen_t),                      \
          [high] "=&r"(tinygen_h)                                                                  \
        : [rampz] "n"(TINYGEN_RAMPZ)                                                               \
        : "memory", "r0", "r30", "r31" TINYGEN_SLOTS_##slots TINYGEN_MOVED_##moved);               \
    return (int16_t)tinygen_sum;

/* high:t is where a row starts; each value is extended to 16 bits */
#define TINYGEN_ROW_TREES(table, count)                                                            \
    register const int16_t *tinygen_x __asm__("r24") = x;                                          \
    const int8_t *tinygen_table = table;                                                           \
    register uint8_t tinygen_t __asm__("r16"), tinygen_h __asm__("r17");                           \
    uint8_t tinygen_n;                                                                             \
    enum { tinygen_count = count };                                                                \
    __asm__ __volatile__("rjmp .Lcalls%=\n"
#define TINYGEN_ADD_ROW                                                                            \
    "mov r30,%[t]\n\tmov r31,%[high]\n\tadd r30,%A[table]\n\tadc r31,%B[table]\n\t"                \
    "movw r26,%[sums]\n\tldi %[t],%[count]\n\tmov %[n],%[t]\n"                                     \
    "1:\n\tlpm %[t],Z+\n\tmov %[high],%[t]\n\tlsl %[high]\n\tsbc %[high],%[high]\n\t"             \
    "ld r0,X\n\tadd r0,%[t]\n\tst X+,r0\n\tld r0,X\n\tadc r0,%[high]\n\tst X+,r0\n\t"             \
    "dec %[n]\n\tbrne 1b\n\tmovw r30,%[x]\n\tret\n"
#define TINYGEN_ROW_ENDS                                                                           \
    TINYGEN_SHARED_END(TINYGEN_FIND("r0", "%[high]", "2"), TINYGEN_READ2, TINYGEN_ADD_ROW)
#define TINYGEN_HELD_ROW_END(slot, in)                                                             \
    ".Lend%=_" #in ":\n\t" TINYGEN_FIND(TINYGEN_LOW_##slot, TINYGEN_HIGH_##slot, "2")              \
    TINYGEN_READ2 "\trjmp .Ladd%=\n"
#define TINYGEN_ROW_TREES_END(slots, moved)                                                        \
    ".Lsum%=:"                                                                                     \
        : [sums] "+r"(sums), [table] "+r"(tinygen_table), [x] "+r"(tinygen_x),                     \
          [t] "=&r"(tinygen_t), [high] "=&r"(tinygen_h), [n] "=&r"(tinygen_n)                      \
        : [count] "n"(tinygen_count), [rampz] "n"(TINYGEN_RAMPZ)                                   \
        : "memory", "r0", "r26", "r27", "r30", "r31" TINYGEN_SLOTS_##slots TINYGEN_MOVED_##moved);

#define TINYGEN_LOW_0 "r18"
#define TINYGEN_LOW_1 "r19"
#define TINYGEN_LOW_2 "r20"
#define TINYGEN_LOW_3 "r21"
#define TINYGEN_LOW_4 "r22"
#define TINYGEN_LOW_5 "r23"
#define TINYGEN_HIGH_0 "r2"
#define TINYGEN_HIGH_1 "r3"
#define TINYGEN_HIGH_2 "r4"
#define TINYGEN_HIGH_3 "r5"
#define TINYGEN_HIGH_4 "r6"
#define TINYGEN_HIGH_5 "r7"
/* the low registers are clobbered anyway: they may have high bytes of limits */
#define TINYGEN_SLOTS_0 , "r18", "r19", "r20", "r21", "r22", "r23"
#define TINYGEN_SLOTS_1 TINYGEN_SLOTS_0, "r2"
#define TINYGEN_SLOTS_2 TINYGEN_SLOTS_1, "r3"
#define TINYGEN_SLOTS_3 TINYGEN_SLOTS_2, "r4"
#define TINYGEN_SLOTS_4 TINYGEN_SLOTS_3, "r5"
#define TINYGEN_SLOTS_5 TINYGEN_SLOTS_4, "r6"
#define TINYGEN_SLOTS_6 TINYGEN_SLOTS_5, "r7"
#define TINYGEN_MOVED_0
#define TINYGEN_MOVED_1 , "r8"
#define TINYGEN_MOVED_2 TINYGEN_MOVED_1, "r9"
#define TINYGEN_MOVED_3 TINYGEN_MOVED_2, "r10"
#define TINYGEN_MOVED_4 TINYGEN_MOVED_3, "r11"
#define TINYGEN_MOVED_5 TINYGEN_MOVED_4, "r12"
#define TINYGEN_MOVED_6 TINYGEN_MOVED_5, "r13"
#define TINYGEN_MOVED_7 TINYGEN_MOVED_6, "r14"
#define TINYGEN_MOVED_8 TINYGEN_MOVED_7, "r15"

/* Z = twice the return address, which counts words; its highest byte is popped first */
#if defined(__AVR_3_BYTE_PC__)
#define TINYGEN_RETURN_ADDRESS                                                                     \
    "pop %[t]\n\tpop r31\n\tpop r30\n\tlsl r30\n\trol r31\n\trol %[t]\n\tout %[rampz],%[t]\n\t"
#elif defined(__AVR_HAVE_ELPM__)
#define TINYGEN_RETURN_ADDRESS                                                                     \
    "pop r31\n\tpop r30\n\tclr %[t]\n\tlsl r30\n\trol r31\n\trol %[t]\n\tout %[rampz],%[t]\n\t"
#else
#define TINYGEN_RETURN_ADDRESS "pop r31\n\tpop r30\n\tlsl r30\n\trol r31\n\t"
#endif
/* over so many bytes; RAMPZ counts those of 64 KB */
#ifdef __AVR_HAVE_ELPM__
#define TINYGEN_LPM "elpm"
#define TINYGEN_RAMPZ _SFR_IO_ADDR(RAMPZ)
#define TINYGEN_OVER(bytes)                                                                        \
    "adiw r30," bytes "\n\tbrcc 1f\n\tin %[t],%[rampz]\n\tinc %[t]\n\tout %[rampz],%[t]\n"
#else
#define TINYGEN_LPM "lpm"
#define TINYGEN_RAMPZ 0
#define TINYGEN_OVER(bytes) "adiw r30," bytes "\n"
#endif

#else

#define TINYGEN_TREES(bias) int32_t tinygen_sum = (bias);
#define TINYGEN_TREE(n) do {
#define TINYGEN_TREE_BEHIND(n)                                                                     \
    do {                                                                                           \
        goto tree_##n;
#define TINYGEN_TREE_STARTS(n) tree_##n:
#define TINYGEN_TREE_END } while (0);
#define TINYGEN_PLACE(k) place_##k:
#define TINYGEN_ABOVE(in, limit, k)                                                                \
    if (x[in] > (limit)) {                                                                         \
        goto place_##k;                                                                            \
    }
#define TINYGEN_ABOVE_FAR(in, limit, k) TINYGEN_ABOVE(in, limit, k)
#define TINYGEN_HELD_ABOVE(slot, in, limit, k) TINYGEN_ABOVE(in, limit, k)
#define TINYGEN_HELD_ABOVE_FAR(slot, in, limit, k) TINYGEN_ABOVE(in, limit, k)
#define TINYGEN_HIGH_ABOVE(r, slot, in, limit, k) TINYGEN_ABOVE(in, limit, k)
#define TINYGEN_HIGH_ABOVE_FAR(r, slot, in, limit, k) TINYGEN_ABOVE(in, limit, k)
#define TINYGEN_LEAF(v)                                                                            \
    {                                                                                              \
        tinygen_sum += (v);                                                                        \
        break;                                                                                     \
    }
#define TINYGEN_LEAF2(v) TINYGEN_LEAF(v)
#define TINYGEN_LEAVES(in, limit, v, w) TINYGEN_LEAF(x[in] > (limit) ? (w) : (v))
#define TINYGEN_LEAVES2(in, limit, v, w) TINYGEN_LEAVES(in, limit, v, w)
#define TINYGEN_ROW_TREES(table, count)                                                            \
    const int8_t *const tinygen_table = table;                                                     \
    const uint8_t tinygen_n = count;
#define TINYGEN_ROW(at)                                                                            \
    {                                                                                              \
        tinygen_add_leaf(sums, tinygen_table + (at), tinygen_n);                                   \
        break;                                                                                     \
    }
#define TINYGEN_ROWS(in, limit, at, to) TINYGEN_ROW(x[in] > (limit) ? (to) : (at))
#define TINYGEN_ROW_ENDS
#define TINYGEN_HELD_ROW_END(slot, in)
#define TINYGEN_ROW_TREES_END(slots, moved)
#define TINYGEN_CALLS
#define TINYGEN_TREES_BEHIND
#define TINYGEN_HOLD(slot, in)
#define TINYGEN_CALL(n)
#define TINYGEN_ENDS
#define TINYGEN_ENDS2
#define TINYGEN_END(in)
#define TINYGEN_MOVE_HIGH(r, high)
#define TINYGEN_SHORT_END(slot, in)
#define TINYGEN_HELD_END(slot, in)
#define TINYGEN_HELD_END2(slot, in)
#define TINYGEN_TREES_END(slots, moved) return (int16_t)tinygen_sum;

#endif

#endif
