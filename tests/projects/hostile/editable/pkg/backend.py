import subprocess

subprocess.call(["sh", "../mark.sh"])
