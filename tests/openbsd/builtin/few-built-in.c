/*
 * The Apache of OpenBSD's package has core, mod_so and http_core built in, and each other module in a file of its own
 * (PLIST-main of its port). Debian's has five more built in. Loaded before Debian's program, this takes the five out of
 * its lists of built-in modules, so that a directive of theirs is unknown, as there, until LoadModule names the module:
 * its file is empty, and its symbol is found in the program.
 */
#define _GNU_SOURCE
#include <dlfcn.h>
#include <stddef.h>
#include <string.h>

static const char *const SHARED[] = {
    "log_config_module", "logio_module", "unixd_module", "version_module", "watchdog_module", NULL,
};

/* Weak: whoever calls Apache by a shell has this loaded into the shell too. */
extern void *ap_prelinked_modules[] __attribute__((weak)), *ap_preloaded_modules[] __attribute__((weak));

/* By these <IfModule> knows what is built in. */
extern struct symbol { const char *name; void *module; } ap_prelinked_module_symbols[] __attribute__((weak));

static void take_symbol_out(const void *module)
{
    struct symbol *symbol = ap_prelinked_module_symbols, *kept = symbol;

    for (; symbol->name != NULL; symbol++)
        if (symbol->module != module)
            *kept++ = *symbol;
    kept->name = NULL;
}

static void take_out(void **modules, const void *module)
{
    void **kept = modules;

    for (; *modules != NULL; modules++)
        if (*modules != module)
            *kept++ = *modules;
    *kept = NULL;
}

__attribute__((constructor)) static void few_built_in(void)
{
    for (const char *const *name = SHARED; *name != NULL; name++) {
        const void *module = dlsym(RTLD_DEFAULT, *name);

        if (module == NULL)
            continue;
        take_out(ap_prelinked_modules, module);
        take_out(ap_preloaded_modules, module);
        take_symbol_out(module);
    }
}

/* apr_dso.h: mod_so asks a module's file for the module's symbol by this. */
int apr_dso_sym(void **symbol, void *handle, const char *wanted)
{
    static int (*real)(void **, void *, const char *);

    for (const char *const *name = SHARED; *name != NULL; name++)
        if (strcmp(*name, wanted) == 0) {
            *symbol = dlsym(RTLD_DEFAULT, wanted);
            return *symbol == NULL;
        }
    if (real == NULL)
        real = (int (*)(void **, void *, const char *))dlsym(RTLD_NEXT, "apr_dso_sym");
    return real(symbol, handle, wanted);
}
