"""Real wireless devices: cfg80211, mac80211 and hostapd of a Debian kernel in a virtual machine, with simulated air."""
