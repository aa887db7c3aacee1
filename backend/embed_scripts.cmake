# cmake -DOUTPUT=scripts.def -DSCRIPTS="a.lua;b.lua" -P embed_scripts.cmake
# Writes each script as one row of an X-macro table, its text as a C string.
set(rows "")
foreach(script IN LISTS SCRIPTS)
  get_filename_component(name "${script}" NAME_WE)
  file(READ "${script}" text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n  \"" text "${text}")
  string(APPEND rows "X(${name},\n  \"${text}\")\n")
endforeach()
file(WRITE "${OUTPUT}" "${rows}")
