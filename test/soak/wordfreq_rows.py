"""Prints the word frequencies that the package wordfreq carries, one row a line: list, language, word, frequency.

Usage: wordfreq_rows.py [LIST...], of "small" and "large"; both if none is given. The lists are of real texts (Wikipedia,
subtitles, news, books, the web); see the package's documentation for sources and licences.
"""

import sys

from wordfreq import available_languages, get_frequency_dict

out = sys.stdout
for name in sys.argv[1:] or ("small", "large"):
    for language in sorted(available_languages(name)):
        for word, frequency in get_frequency_dict(language, name).items():
            if "\t" not in word and "\n" not in word:
                out.write("%s\t%s\t%s\t%r\n" % (name, language, word, frequency))
