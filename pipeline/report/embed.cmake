# Turns the page's files into a C++ source: cmake -DOUT=... -DDIR=... -P this.
set(text "// Made by embed.cmake from the files in pipeline/report/.\n")
string(APPEND text "#include \"pipeline/report/report_assets.h\"\n\nnamespace r1 {\n\n")
foreach(entry "kPageHtml:page.html" "kPageCss:page.css"
        "kPageJs:chart.js,graph.js,samples.js,page.js" "kStudyHtml:study.html"
        "kStudyCss:page.css,study.css")
  string(REPLACE ":" ";" entry "${entry}")
  list(GET entry 0 name)
  list(GET entry 1 files)
  string(REPLACE "," ";" files "${files}")
  set(content "")
  foreach(file IN LISTS files)
    file(READ "${DIR}/${file}" part)
    string(APPEND content "${part}")
  endforeach()
  string(APPEND text
    "const char ${name}[] = R\"r1asset(${content})r1asset\";\n\n")
endforeach()
string(APPEND text "}  // namespace r1\n")
file(WRITE "${OUT}" "${text}")
