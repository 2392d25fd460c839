(* avr-gcc's types for Frama-C 25: int has 16 bits, its __int24 is `long`, its long is `long long`.
   So 24 bits have their own rank, between those of int and of int32_t, as avr-gcc ranks them. *)
open Cil_types

let avr = {
  version = "avr-gcc"; compiler = "gcc"; cpp_arch_flags = [];
  sizeof_short = 2; sizeof_int = 2; sizeof_long = 3; sizeof_longlong = 4; sizeof_ptr = 2;
  sizeof_float = 4; sizeof_double = 8; sizeof_longdouble = 8; sizeof_void = 1; sizeof_fun = 1;
  size_t = "unsigned int"; wchar_t = "int"; ptrdiff_t = "int";
  alignof_short = 1; alignof_int = 1; alignof_long = 1; alignof_longlong = 1; alignof_ptr = 1;
  alignof_float = 1; alignof_double = 1; alignof_longdouble = 1; alignof_str = 1; alignof_fun = 1;
  alignof_aligned = 1;
  char_is_unsigned = false; underscore_name = false; const_string_literals = true;
  little_endian = true; has__builtin_va_list = true;
}

let () = File.new_machdep "avr" avr
