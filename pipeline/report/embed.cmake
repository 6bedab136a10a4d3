# Turns the page's files into a C++ source: cmake -DOUT=... -DDIR=... -P this.
set(text "// Made by embed.cmake from the files in pipeline/report/.\n")
string(APPEND text "#include \"pipeline/report_assets.h\"\n\nnamespace r1 {\n\n")
foreach(pair "kPageHtml:page.html" "kPageCss:page.css" "kPageJs:page.js")
  string(REPLACE ":" ";" pair "${pair}")
  list(GET pair 0 name)
  list(GET pair 1 file)
  file(READ "${DIR}/${file}" content)
  string(APPEND text
    "const char ${name}[] = R\"r1asset(${content})r1asset\";\n\n")
endforeach()
string(APPEND text "}  // namespace r1\n")
file(WRITE "${OUT}" "${text}")
