# cmake -DOUTPUT=scripts.def -DSCRIPTS="a.lua;b.lua" -P embed_scripts.cmake
# Writes each script as one row of an X-macro table, X(name, "its text"). A line
# `-- include part` is replaced by parts/part.lua; comments and indents, which Redis
# would keep in memory, stay behind.
function(strip text out)
  string(REGEX REPLACE "(^|\n)[ \t]+" "\\1" text "${text}")
  string(REGEX REPLACE "(^|\n)--[^\n]*" "\\1" text "${text}")
  string(REGEX REPLACE "\n\n+" "\n" text "${text}")
  string(REGEX REPLACE "^\n" "" text "${text}")
  set(${out} "${text}" PARENT_SCOPE)
endfunction()

set(rows "")
foreach(script IN LISTS SCRIPTS)
  get_filename_component(name "${script}" NAME_WE)
  get_filename_component(folder "${script}" DIRECTORY)
  file(READ "${script}" text)
  while(text MATCHES "(^|\n)-- include ([a-z_]+)\n")
    set(part "${CMAKE_MATCH_2}")
    file(READ "${folder}/parts/${part}.lua" part_text)
    string(REPLACE "-- include ${part}\n" "${part_text}" text "${text}")
  endwhile()
  strip("${text}" text)
  string(REPLACE "\\" "\\\\" text "${text}")
  string(REPLACE "\"" "\\\"" text "${text}")
  string(REPLACE "\n" "\\n\"\n  \"" text "${text}")
  string(APPEND rows "X(${name},\n  \"${text}\")\n")
endforeach()
file(WRITE "${OUTPUT}" "${rows}")
