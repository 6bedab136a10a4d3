# r1cpp_add_reward(NAME SOURCES...): a reward in the shared object libNAME.so;
# what it defines is hidden, but for r1_reward_plugin().
function(r1cpp_add_reward name)
  add_library(${name} MODULE ${ARGN})
  set_target_properties(${name} PROPERTIES
    PREFIX lib
    SUFFIX .so
    C_VISIBILITY_PRESET hidden
    CXX_VISIBILITY_PRESET hidden
    VISIBILITY_INLINES_HIDDEN ON)
  target_link_libraries(${name} PRIVATE r1cpp::reward_plugin)
endfunction()
