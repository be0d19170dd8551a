/* page.c - the dashboard: files that are in the program. They show nothing of the node; what its
 * script asks for does. */
#include "http/page_data.h"
#include "http/routes.h"

enum { LOGIN_MS = 2000 };

static void show(struct exchange *e, const char *type, const unsigned char *data, size_t size)
{
    e->answer.status = 200;
    e->answer.type = type;
    e->answer.page = slice_of(data, size);
}

/* A browser asks for user and password if the page itself wants them, and then sends them with all
 * that the page asks for. */
void show_page(struct exchange *e)
{
    struct slice reply;

    if (!exchange_ask(e, "PING", LOGIN_MS, &reply) && e->answer.status == 401) {
        return;
    }
    buffer_clear(&e->answer.body);
    show(e, "text/html; charset=utf-8", page_index_html, page_index_html_size);
}

void show_style(struct exchange *e)
{
    show(e, "text/css; charset=utf-8", page_dashboard_css, page_dashboard_css_size);
}

void show_script(struct exchange *e)
{
    show(e, "text/javascript; charset=utf-8", page_dashboard_js, page_dashboard_js_size);
}

void show_icon(struct exchange *e)
{
    show(e, "image/svg+xml", page_icon_svg, page_icon_svg_size);
}
