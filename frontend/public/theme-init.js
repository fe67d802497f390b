// Sets the remembered theme and language before the first paint; the keys are those of src/theme.ts and src/i18n.
(function () {
  var root = document.documentElement;
  try {
    var scheme = localStorage.getItem('sdweb-theme');
    root.setAttribute('data-mantine-color-scheme', scheme === 'light' ? 'light' : 'dark');
    root.lang = localStorage.getItem('sdweb-language') || (navigator.language.indexOf('uk') === 0 ? 'uk' : 'en');
  } catch {
    // Storage may be forbidden; the page's own attributes stay.
  }
})();
