/* Flash is read as constant data. */
#define PROGMEM
#define pgm_read_byte(p) (*(p))
#define pgm_read_word(p) (*(p))
#define pgm_read_dword(p) (*(p))
