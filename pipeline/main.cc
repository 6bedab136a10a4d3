#include "pipeline/commands/command_line.h"

int main(int argc, char** argv) { return r1::RunCommandLine(argc, argv); }
