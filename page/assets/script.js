// What changes while the page is open. Without this script every page and form works, and shows what was so when it was loaded.
'use strict';

(() => {
  const byId = (id) => document.getElementById(id);
  const news = byId('news');
  const link = byId('link');
  let live = byId('live');

  // Says something to whoever listens to the page, once.
  function say(text) {
    if (news) news.textContent = text;
  }

  function connected(is) {
    if (!link) return;
    link.hidden = is;
    link.textContent = is ? '' : 'The hub does not answer. Trying again…';
  }

  // Texts of elements, by the name in their data-live. The text is never markup.
  function write(texts) {
    for (const element of live.querySelectorAll('[data-live]')) {
      const text = texts[element.dataset.live];
      if (text === undefined || text === element.textContent) continue;
      element.textContent = text;
      if ('state' in element.dataset) {
        element.dataset.state = text;
        say(`${element.dataset.live.split('/')[0]} is ${text}`);
      }
    }
  }

  // What somebody has typed or chosen, and where they are, outlasts a new page.
  function kept() {
    const active = document.activeElement;
    const form = byId('start');
    const fields = form ? [...form.elements].filter((field) => field.id) : [];
    return {
      focus: active && live.contains(active) ? active.id : '',
      range: active && 'selectionStart' in active ? [active.selectionStart, active.selectionEnd] : null,
      values: fields.map((field) => [field.id, field.value, field === active || field.value !== initial(field)]),
    };
  }

  function initial(field) {
    if (field instanceof HTMLSelectElement) {
      const chosen = [...field.options].find((option) => option.defaultSelected) || field.options[0];
      return chosen ? chosen.value : '';
    }
    return field.defaultValue;
  }

  function restore(state) {
    for (const [id, value, isTheirs] of state.values) {
      const field = byId(id);
      if (field && isTheirs) field.value = value;
    }
    const focus = state.focus && byId(state.focus);
    if (!focus) return;
    focus.focus({ preventScroll: true });
    if (state.range && state.range[0] !== null && 'setSelectionRange' in focus) focus.setSelectionRange(...state.range);
  }

  // The page once more, where there are other elements than before: the same HTML that a reload would show.
  let loading = false;
  async function reload(shape) {
    // A form that shows what is wrong with it stays until it is sent again.
    if (loading || live.querySelector('[aria-invalid]')) return;
    loading = true;
    try {
      const path = location.pathname.startsWith('/runs/') ? location.pathname : '/';
      const response = await fetch(path, { cache: 'no-store' });
      if (response.status === 401) return location.reload();
      const fresh = new DOMParser().parseFromString(await response.text(), 'text/html').getElementById('live');
      if (!fresh) return response.status === 404 ? gone() : undefined;
      const state = kept();
      live.replaceWith(document.adoptNode(fresh));
      live = byId('live');
      restore(state);
      prepare();
      say('The list has changed');
      // What it has by now may be newer than the event was.
      if (live.dataset.shape !== shape) wanted = live.dataset.shape;
    } catch {
      connected(false);
    } finally {
      loading = false;
    }
  }

  function gone() {
    source.close();
    link.hidden = false;
    link.textContent = 'This run has ended.';
    for (const button of live.querySelectorAll('button')) button.disabled = true;
  }

  // Buttons that only a script can serve.
  function prepare() {
    for (const button of document.querySelectorAll('[data-copy]')) {
      if (!navigator.clipboard) continue;
      button.hidden = false;
      button.addEventListener('click', async () => {
        await navigator.clipboard.writeText(byId(button.dataset.copy).textContent);
        say('Copied');
        button.textContent = 'Copied';
        setTimeout(() => { button.textContent = 'Copy'; }, 1500);
      });
    }
    const port = byId('start-port');
    const shown = byId('command-port');
    if (port && shown) port.addEventListener('input', () => { shown.textContent = port.value.trim() || 'PORT'; });
  }

  function follow() {
    const log = byId('log');
    const box = byId('follow');
    if (!log || !box) return;
    box.parentElement.hidden = false;
    const most = 1000;
    let lines = null;
    let since = log.dataset.since;
    const down = () => { log.scrollTop = log.scrollHeight; };
    function begin() {
      lines = new EventSource(`${log.dataset.logs}?since=${since}`);
      lines.onmessage = (event) => {
        since = Number(event.lastEventId) + 1;
        const isAtEnd = log.scrollHeight - log.scrollTop - log.clientHeight < 40;
        const line = JSON.parse(event.data);
        const item = document.createElement('li');
        item.className = line.stream;
        item.textContent = line.text;
        log.append(item);
        while (log.childElementCount > most) log.firstElementChild.remove();
        byId('log-empty')?.remove();
        if (isAtEnd) down();
      };
    }
    box.addEventListener('change', () => {
      if (box.checked) { down(); begin(); } else if (lines) lines.close();
    });
    down();
    begin();
  }

  let source = null;
  let wanted = '';
  function watch() {
    if (!live || !live.dataset.events) return;
    source = new EventSource(live.dataset.events);
    source.onopen = () => connected(true);
    source.onerror = () => connected(false);
    source.onmessage = (event) => {
      const change = JSON.parse(event.data);
      write(change.texts);
      if (change.shape !== live.dataset.shape && change.shape !== wanted) {
        wanted = change.shape;
        reload(change.shape).then(() => { wanted = ''; });
      }
    };
    addEventListener('pagehide', () => source.close());
    addEventListener('pageshow', (event) => { if (event.persisted) location.reload(); });
  }

  if (live) {
    prepare();
    watch();
    follow();
  }
})();
