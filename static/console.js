// The few things the console's own pages do in the browser: copy a text, submit a filter bar when it changes.
(() => {
  "use strict";

  const copy = async (button) => {
    const source = document.getElementById(button.dataset.copy);
    const text = "value" in source ? source.value : source.textContent.trim();
    try {
      await navigator.clipboard.writeText(text);
    } catch {
      // Without HTTPS a browser offers no clipboard: select the text, so that Ctrl+C takes it.
      const range = document.createRange();
      range.selectNodeContents(source);
      const selection = window.getSelection();
      selection.removeAllRanges();
      selection.addRange(range);
      document.execCommand("copy");
    }
    button.classList.add("gw-copied");
    setTimeout(() => button.classList.remove("gw-copied"), 1500);
  };

  const submit = (form) => {
    for (const field of form.querySelectorAll("input[name], select[name]")) {
      if (!field.value) field.disabled = true;
    }
    form.submit();
  };

  document.addEventListener("click", (event) => {
    const button = event.target.closest("[data-copy]");
    if (button) copy(button);
  });
  document.addEventListener("change", (event) => {
    const form = event.target.closest("form[data-autosubmit]");
    if (form && event.target.tagName === "SELECT") submit(form);
  });
  document.addEventListener("submit", (event) => {
    if (event.target.matches("form[data-autosubmit]")) {
      event.preventDefault();
      submit(event.target);
    }
    const busy = event.target.querySelector("button[data-busy]");
    if (busy) busy.textContent = busy.dataset.busy;
  });
})();
