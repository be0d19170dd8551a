/* page_data.h - the files of the folder page/, as arrays (page/embed.py). */
#ifndef RAKIT_HTTP_PAGE_DATA_H
#define RAKIT_HTTP_PAGE_DATA_H

#include <stddef.h>

extern const unsigned char page_index_html[];
extern const size_t page_index_html_size;
extern const unsigned char page_dashboard_css[];
extern const size_t page_dashboard_css_size;
extern const unsigned char page_dashboard_js[];
extern const size_t page_dashboard_js_size;
extern const unsigned char page_icon_svg[];
extern const size_t page_icon_svg_size;

#endif /* RAKIT_HTTP_PAGE_DATA_H */
