# The dlt645 module for ports built with CMake (esp32, rp2):
# USER_C_MODULES=firmware/native/dlt645/micropython.cmake.

add_library(usermod_dlt645 INTERFACE)

target_sources(usermod_dlt645 INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}/dlt645.c
    ${CMAKE_CURRENT_LIST_DIR}/dlt645_address.c
    ${CMAKE_CURRENT_LIST_DIR}/dlt645_answer.c
    ${CMAKE_CURRENT_LIST_DIR}/dlt645_blocks.c
    ${CMAKE_CURRENT_LIST_DIR}/dlt645_formats.c
    ${CMAKE_CURRENT_LIST_DIR}/dlt645_items.c
    ${CMAKE_CURRENT_LIST_DIR}/dlt645_table_1997.c
    ${CMAKE_CURRENT_LIST_DIR}/dlt645_table_2007.c
    ${CMAKE_CURRENT_LIST_DIR}/dlt645_values.c
    ${CMAKE_CURRENT_LIST_DIR}/moddecoder.c
    ${CMAKE_CURRENT_LIST_DIR}/moddlt645.c
    ${CMAKE_CURRENT_LIST_DIR}/modexchange.c
    ${CMAKE_CURRENT_LIST_DIR}/modrequest.c
    ${CMAKE_CURRENT_LIST_DIR}/modvalues.c
)

target_include_directories(usermod_dlt645 INTERFACE
    ${CMAKE_CURRENT_LIST_DIR}
)

target_link_libraries(usermod INTERFACE usermod_dlt645)
